"""The published networks, as one table: which modules know each, and what a person asks before using it.

A new network is one file in ``checkpoints/``, one in ``poses/`` and one row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from posedeploy import plugins
from posedeploy.errors import InputError
from posedeploy.joint_sets import JointSet
from posedeploy.types import JointsContract, ModelSpec, TensorSpec


@dataclass(frozen=True)
class Family:
    """One published network.

    ``network`` (needs torch) and ``poses`` name the modules that know it. ``weights_url`` is None where the
    publisher offers no direct link; ``weights_page`` then says where to look. ``mesh``: the network stands on
    a mesh whose triangles the checkpoint does not hold, so its ``build`` takes them too.
    """

    name: str
    network: str
    poses: str
    task: str
    joints: str
    input: str
    parameters: str
    code_licence: str
    weights_licence: str
    weights_page: str
    weights_url: str | None = None
    mesh: bool = False


FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="lightweight-openpose-2d",
            network="posedeploy.checkpoints.lightweight_openpose_2d",
            poses="posedeploy.poses.lightweight_openpose_2d",
            task="people in an image, 2D",
            joints="18 (COCO and neck)",
            input="256x456 BGR, any multiple of 8",
            parameters="4.1 M",
            code_licence="Apache-2.0",
            weights_licence="Apache-2.0",
            weights_page="github.com/Daniil-Osokin/lightweight-human-pose-estimation.pytorch",
            weights_url=(
                "https://download.01.org/opencv/openvino_training_extensions/models/human_pose_estimation/"
                "checkpoint_iter_370000.pth"
            ),
        ),
        Family(
            name="lightweight-openpose-3d",
            network="posedeploy.checkpoints.lightweight_openpose_3d",
            poses="posedeploy.poses.lightweight_openpose_3d",
            task="people in an image, 3D",
            joints="19 (Panoptic)",
            input="256x448 BGR, any multiple of 8",
            parameters="5.1 M",
            code_licence="Apache-2.0",
            weights_licence="Apache-2.0",
            weights_page="github.com/Daniil-Osokin/lightweight-human-pose-estimation-3d-demo.pytorch",
        ),
        Family(
            name="pose2mesh",
            network="posedeploy.checkpoints.pose2mesh",
            poses="posedeploy.poses.pose2mesh",
            task="from 2D joints: 3D joints and a mesh of a body or hand",
            joints="17 (human36), 19 (coco), 24 (smpl) or 21 (mano)",
            input="2D joints, and the mesh's triangles",
            parameters="72 M; the lifter alone 67 M",
            code_licence="MIT",
            weights_licence="not stated; SMPL and MANO, which they give, are for non-commercial research",
            weights_page="github.com/hongsukchoi/Pose2Mesh_RELEASE",
            mesh=True,
        ),
        Family(
            name="gtrs",
            network="posedeploy.checkpoints.gtrs",
            poses="posedeploy.poses.gtrs",
            task="from 2D joints: 3D joints and a mesh of a body",
            joints="17 (human36), 19 (coco) or 24 (smpl)",
            input="2D joints",
            parameters="7.7 M",
            code_licence="MIT",
            weights_licence="not stated; SMPL, which they give, is for non-commercial research",
            weights_page="github.com/zczcwh/GTRS",
        ),
    )
}


def family_named(name: str) -> Family:
    """The row of a family.

    Raises:
        InputError: no network here has this name.
    """
    if name not in FAMILIES:
        raise InputError(f"no network family is called {name!r}; the families are {', '.join(FAMILIES)}")
    return FAMILIES[name]


def image_spec(
    family: str, variant: str, channels: Mapping[str, int], roles: Mapping[str, str], stride: int = 8
) -> ModelSpec:
    """The spec of a network whose input is the image ``data`` and whose outputs are maps, of free size.

    Args:
        channels: the number of channels of each output, by its name, in order.
        roles: which output is what the family's decoding asks for.
        stride: input pixels per output cell.
    """
    poses = plugins.module(family_named(family).poses)
    return ModelSpec(
        family=family,
        variant=variant,
        inputs=(TensorSpec("data", ("batch", 3, "height", "width"), layout="NCHW"),),
        outputs=tuple(
            TensorSpec(name, ("batch", count, f"height/{stride}", f"width/{stride}"), layout="NCHW")
            for name, count in channels.items()
        ),
        contract=poses.CONTRACT,
        roles=roles,
        keypoint_names=poses.KEYPOINT_NAMES,
        skeleton=poses.SKELETON,
        unit=poses.UNIT,
    )


def joints_spec(family: str, joint_set: JointSet, vertices: int | None = None) -> ModelSpec:
    """The spec of a network from the 2D joints ``pose2d`` of a batch of people to ``pose3d``, 3D joints in
    mm.

    Args:
        vertices: of the mesh ``cam_mesh``, in m, that it gives before them; None for a network without.
    """
    poses = plugins.module(family_named(family).poses)
    joints = len(joint_set)
    outputs = {"cam_mesh": vertices, "pose3d": joints} if vertices else {"pose3d": joints}
    return ModelSpec(
        family=family,
        variant=f"{joint_set.name}, {f'{vertices} vertices' if vertices else 'joints alone'}",
        inputs=(TensorSpec("pose2d", ("batch", joints, 2)),),
        outputs=tuple(TensorSpec(name, ("batch", count, 3)) for name, count in outputs.items()),
        roles={name: name for name in outputs},
        keypoint_names=joint_set.joints,
        skeleton=joint_set.bones,
        unit=poses.UNIT,
        joints=JointsContract(joint_set.name),
    )
