"""The specs of the published networks: what a family's ``poses`` module says, and a variant's tensors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from posedeploy import plugins
from posedeploy.families import family_named, joint_set
from posedeploy.joint_sets import JointSet
from posedeploy.keypoint_descriptions import OWN_JOINTS, resolve_keypoints
from posedeploy.types import InputContract, JointsContract, ModelSpec, TensorSpec


def family_spec(
    family: str,
    variant: str,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    roles: Mapping[str, str],
    joints: int | None = None,
    cells: int | None = None,
) -> ModelSpec:
    """The spec of a network of a family, its contract and joints taken from the family's ``poses`` module.

    A family without a contract for images is one on 2D joints.

    Args:
        roles: which output is what the family's decoding asks for.
        joints: their number, for a family whose variants differ in it.
        cells: as in the spec.
    """
    poses = plugins.module(family_named(family).poses)
    found = joint_set(family, joints)
    contracts: Mapping[int | None, InputContract] = getattr(poses, "CONTRACTS", {})
    contract = contracts.get(joints, poses.CONTRACT)
    spec = ModelSpec(
        family=family,
        variant=variant,
        inputs=inputs,
        outputs=outputs,
        contract=contract,
        roles=roles,
        keypoint_names=found.joints,
        skeleton=found.bones,
        unit=unit_of(family, roles),
        joints=JointsContract(found.name or OWN_JOINTS) if contract is None else None,
        cells=cells,
    )
    return resolve_keypoints(spec)


def unit_of(family: str, roles: Collection[str]) -> Literal["px", "mm"]:
    """The unit of what a family's decoding makes of these outputs: pixels where 3D needs one that is missing.

    Args:
        roles: what they are to the decoding; none where nobody said.
    """
    poses = plugins.module(family_named(family).poses)
    flat = roles and getattr(poses, "DEPTH_ROLE", None) not in (None, *roles)
    unit: Literal["px", "mm"] = "px" if flat else poses.UNIT
    return unit


def image_spec(
    family: str, variant: str, channels: Mapping[str, int], roles: Mapping[str, str], stride: int = 8
) -> ModelSpec:
    """The spec of a network whose input is the image ``data`` and whose outputs are maps, of free size.

    Args:
        channels: the number of channels of each output, by its name, in order.
        roles: which output is what the family's decoding asks for.
        stride: input pixels per output cell.
    """
    return family_spec(
        family,
        variant,
        (TensorSpec("data", ("batch", 3, "height", "width"), layout="NCHW"),),
        tuple(
            TensorSpec(name, ("batch", count, f"height/{stride}", f"width/{stride}"), layout="NCHW")
            for name, count in channels.items()
        ),
        roles,
    )


def joints_spec(family: str, joint_set: JointSet, vertices: int | None = None) -> ModelSpec:
    """The spec of a network from the 2D joints ``pose2d`` of a batch of people to ``pose3d``, 3D joints in
    mm.

    Args:
        vertices: of the mesh ``cam_mesh``, in m, that it gives before them; None for a network without.
    """
    joints = len(joint_set)
    outputs = {"cam_mesh": vertices, "pose3d": joints} if vertices else {"pose3d": joints}
    return family_spec(
        family,
        f"{joint_set.name or f'{joints} joints'}, {f'{vertices} vertices' if vertices else 'joints alone'}",
        (TensorSpec("pose2d", ("batch", joints, 2)),),
        tuple(TensorSpec(name, ("batch", count, 3)) for name, count in outputs.items()),
        {name: name for name in outputs},
        joints,
    )
