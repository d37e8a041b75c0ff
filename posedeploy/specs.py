"""Build the specs of published networks from the ``poses`` module of the family and the tensors of a
variant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from posedeploy.families import joint_set, poses_of
from posedeploy.joint_sets import JointSet
from posedeploy.keypoint_descriptions import resolve_keypoints
from posedeploy.own_keypoints import OWN_JOINTS
from posedeploy.types import JointsContract, ModelSpec, TensorSpec


def family_spec(
    family: str,
    variant: str,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    roles: Mapping[str, str],
    joints: int | None = None,
    cells: int | None = None,
) -> ModelSpec:
    """Return the spec of a network with the contract and joints of the family's ``poses`` module.

    Networks of a family without an image contract take 2D joints.

    Args:
        roles: output names by role.
        joints: the number of joints, for a family with variants of several numbers.
        cells: as in ``ModelSpec``.
    """
    poses = poses_of(family)
    joints_of_family = joint_set(family, joints)
    contract = poses.CONTRACT if joints is None else poses.CONTRACTS.get(joints, poses.CONTRACT)
    spec = ModelSpec(
        family=family,
        variant=variant,
        inputs=inputs,
        outputs=outputs,
        contract=contract,
        roles=roles,
        keypoint_names=joints_of_family.joints,
        skeleton=joints_of_family.bones,
        unit=unit_of(family, roles),
        joints=JointsContract(joints_of_family.name or OWN_JOINTS) if contract is None else None,
        cells=cells,
    )
    return resolve_keypoints(spec)


def unit_of(family: str, roles: Collection[str]) -> Literal["px", "mm"]:
    """Return the unit of poses decoded from outputs with these roles: px if the role of depth is missing.

    Args:
        roles: empty if unknown.
    """
    poses = poses_of(family)
    is_flat = roles and poses.DEPTH_ROLE not in (None, *roles)
    return "px" if is_flat else poses.UNIT


def image_spec(
    family: str, variant: str, channels: Mapping[str, int], roles: Mapping[str, str], stride: int = 8
) -> ModelSpec:
    """Return the spec of a network from an image ``data`` to maps, with dynamic axes.

    Args:
        channels: the number of channels of each output by name, in order.
        roles: output names by role.
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
    """Return the spec of a network from the 2D joints ``pose2d`` of a batch of people to 3D joints in mm.

    Args:
        vertices: the number of vertices of the mesh (in m), the output before the joints; None if there is no
            mesh.
    """
    joints, poses = len(joint_set), poses_of(family)
    outputs = {poses.KEYPOINTS_OF[0]: joints}
    if vertices is not None and poses.MESH_ROLE is not None:
        outputs = {poses.MESH_ROLE: vertices, **outputs}
    return family_spec(
        family,
        f"{joint_set.name or f'{joints} joints'}, {f'{vertices} vertices' if vertices else 'joints alone'}",
        (TensorSpec("pose2d", ("batch", joints, 2)),),
        tuple(TensorSpec(name, ("batch", count, 3)) for name, count in outputs.items()),
        {name: name for name in outputs},
        joints,
    )
