"""The table of network families: their modules and the facts that users need.

A new network is one file in ``checkpoints/``, one in ``poses/`` and one row here. The decodings of other
networks are in ``decoder_families.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

from posedeploy import plugins
from posedeploy.decoder_families import DECODER_FAMILIES
from posedeploy.errors import InputError
from posedeploy.joint_sets import JointSet, numbered
from posedeploy.types import (
    Camera,
    InputContract,
    ModelSpec,
    Placed,
    PlacedJoints,
    Placement,
    Poses,
    Tensors,
    TensorSpec,
)

if TYPE_CHECKING:
    from posedeploy.poses import (
        coordinates,
        gtrs,
        heatmap,
        lightweight_openpose_2d,
        lightweight_openpose_3d,
        mobile_human_pose,
        one_stage,
        pose2mesh,
        pose_hg_3d,
        simcc,
    )

InputT = TypeVar("InputT", bound=Placed, contravariant=True)
"""``Placement`` for a network on images, ``PlacedJoints`` for one on 2D joints."""


class FamilyPoses(Protocol[InputT]):
    """The public names of the ``poses`` module of a family."""

    @property
    def JOINT_SETS(self) -> Mapping[int, JointSet]:
        """The published joint sets by number of joints, the default first."""

    @property
    def CONTRACT(self) -> InputContract | None:
        """The preprocessing of an image; None for a network on 2D joints."""

    @property
    def CONTRACTS(self) -> Mapping[int, InputContract]:
        """The contracts of variants that differ from ``CONTRACT``, by number of joints."""

    @property
    def UNIT(self) -> Literal["px", "mm"]:
        """The unit of the poses."""

    @property
    def ROLES(self) -> tuple[str, ...]:
        """The roles of outputs that ``decode`` uses, as in ``ModelSpec.roles``."""

    @property
    def PEAK_ROLES(self) -> tuple[str, ...]:
        """The roles of outputs whose peaks ``decode`` picks, so that noise can move a keypoint."""

    @property
    def DEPTH_ROLE(self) -> str | None:
        """The role without which the poses are 2D in px; None if there is none."""

    @property
    def MESH_ROLE(self) -> str | None:
        """The role of the mesh's vertices; None for a family without meshes."""

    @property
    def CHANNELS(self) -> Mapping[str, int]:
        """The channels of each role in the published network; empty without part affinity fields."""

    @property
    def KEYPOINTS_OF(self) -> tuple[str, int, int]:
        """(role, background, each): the number of keypoints is (channels of the role - background) //
        each."""

    def find_missing_description(self, spec: ModelSpec) -> str | None:
        """Return what a contract must describe before decoding; None if nothing is missing."""

    def decode(self, outputs: Tensors, spec: ModelSpec, placement: InputT, camera: Camera) -> Poses:
        """Return the people in the outputs.

        Raises:
            InputError: an output is missing or of the wrong shape, or the camera cannot be used.
        """


class HeatmapPoses(FamilyPoses[InputT], Protocol[InputT]):
    """The ``poses`` module of a family that decodes heatmaps: one with ``PEAK_ROLES``."""

    def decode(
        self, outputs: Tensors, spec: ModelSpec, placement: InputT, camera: Camera, *, refine: bool = False
    ) -> Poses:
        """Return the people in the outputs; with ``refine``, positions lie between the cells of the
        heatmaps."""


class DecoderPoses(FamilyPoses[Placement], Protocol):
    """The ``poses`` module of a family of ``decoder_families.py``, whose networks are described by contracts.

    Its ``JOINT_SETS`` are those that a number of keypoints stands for, unless the contract names another.
    """

    @property
    def OPTIONS(self) -> type[Any]:
        """The frozen dataclass of the decoding options."""

    @property
    def NEEDED_ROLES(self) -> tuple[str, ...]:
        """The roles without which nothing is decoded."""

    @property
    def DECISION_ROLES(self) -> tuple[str, ...]:
        """The roles besides ``PEAK_ROLES`` whose outputs decide which candidates are people. Noise can
        exchange two nearly equal candidates."""

    def count_keypoints(self, spec: ModelSpec) -> int | None:
        """Return the number of keypoints in the network's outputs; None if it is unknown.

        Raises:
            InputError: an option is invalid.
        """

    def unit_of(self, spec: ModelSpec) -> Literal["px", "mm"]:
        """Return the unit of the poses."""

    def check(self, spec: ModelSpec, where: str) -> None:
        """Check the shapes of the outputs against the input and the options; dynamic axes fit.

        Args:
            where: the file that messages name.

        Raises:
            InputError: they do not fit.
        """


if TYPE_CHECKING:
    _DECODERS: tuple[DecoderPoses, ...] = (heatmap, simcc, coordinates, one_stage)
    _HEATMAP_FAMILIES: tuple[HeatmapPoses[Placement], ...] = (
        lightweight_openpose_2d,
        lightweight_openpose_3d,
        pose_hg_3d,
        heatmap,
        simcc,
    )
    _IMAGE_FAMILIES: tuple[FamilyPoses[Placement], ...] = (*_HEATMAP_FAMILIES, mobile_human_pose)
    _JOINT_FAMILIES: tuple[FamilyPoses[PlacedJoints], ...] = (gtrs, pose2mesh)


@dataclass(frozen=True)
class Family:
    """A family of networks with published reference implementations.

    network, poses: its modules; ``network`` needs torch. weights_url: a direct link, if there is one. gflop:
    for one image or person, by ``tools/count_flops.py``. mesh: ``build`` takes the triangles of a mesh, which
    the checkpoint lacks. stages: its refinement stages are optional, and the published converter and demo use
    only the first.
    """

    name: str
    network: str
    poses: str
    task: str
    joints: str
    input: str
    parameters: str
    gflop: str
    code_license: str
    weights_license: str
    weights_page: str
    weights_url: str | None = None
    mesh: bool = False
    stages: bool = False


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
            gflop="15.3",
            code_license="Apache-2.0",
            weights_license="Apache-2.0",
            weights_page="github.com/Daniil-Osokin/lightweight-human-pose-estimation.pytorch",
            weights_url=(
                "https://download.01.org/opencv/openvino_training_extensions/models/human_pose_estimation/"
                "checkpoint_iter_370000.pth"
            ),
            stages=True,
        ),
        Family(
            name="lightweight-openpose-3d",
            network="posedeploy.checkpoints.lightweight_openpose_3d",
            poses="posedeploy.poses.lightweight_openpose_3d",
            task="people in an image, 3D",
            joints="19 (Panoptic)",
            input="256x448 BGR, any multiple of 8",
            parameters="5.1 M",
            gflop="18.6",
            code_license="Apache-2.0",
            weights_license="Apache-2.0",
            weights_page="github.com/Daniil-Osokin/lightweight-human-pose-estimation-3d-demo.pytorch",
        ),
        Family(
            name="mobile-human-pose",
            network="posedeploy.checkpoints.mobile_human_pose",
            poses="posedeploy.poses.mobile_human_pose",
            task="one person in a box, 3D",
            joints="18 (Human3.6M) or 21 (MuCo)",
            input="256x256 RGB, a person's box",
            parameters="3.5 M (LPSKI), 7.3 M (LPRES), 4.0 M (LPWO)",
            gflop="0.95 (LPSKI), 22.3 (LPRES), 10.6 (LPWO)",
            code_license="MIT",
            weights_license="not stated; trained on Human3.6M and MuCo, for research",
            weights_page="github.com/SangbumChoi/MobileHumanPose",
        ),
        Family(
            name="pose-hg-3d",
            network="posedeploy.checkpoints.pose_hg_3d",
            poses="posedeploy.poses.pose_hg_3d",
            task="one centered person, 2D or 3D",
            joints="16 (MPII) or 17 (COCO)",
            input="256x256 (COCO: 256x192) BGR, any multiple of 32",
            parameters="34.0 M (ResNet-50; ResNet-18 to 152)",
            gflop="14.5 (ResNet-50; ResNet-18 7.8, ResNet-152 33.9)",
            code_license="GPL-3.0; posedeploy has its own code",
            weights_license="not stated; trained on MPII and Human3.6M, for research",
            weights_page="github.com/xingyizhou/pytorch-pose-hg-3d",
        ),
        Family(
            name="pose2mesh",
            network="posedeploy.checkpoints.pose2mesh",
            poses="posedeploy.poses.pose2mesh",
            task="from 2D joints: 3D joints and a mesh of a body or hand",
            joints="17 (human36), 19 (coco), 24 (smpl) or 21 (mano)",
            input="2D joints, and the mesh's triangles",
            parameters="76 M (the size of SMPL); the lifter alone 67 M",
            gflop="5.1 (the size of SMPL, as exported); the lifter alone 0.13",
            code_license="MIT",
            weights_license="not stated; SMPL and MANO, their meshes, are for non-commercial research",
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
            gflop="0.30",
            code_license="MIT",
            weights_license="not stated; SMPL, their mesh, is for non-commercial research",
            weights_page="github.com/zczcwh/GTRS",
        ),
    )
}


def family_named(name: str) -> Family:
    """Return the row of a family with published networks.

    Raises:
        InputError: no family has this name.
    """
    if name not in FAMILIES:
        raise InputError(f"no network family is called {name!r}; the families are {', '.join(FAMILIES)}")
    return FAMILIES[name]


def list_decodable() -> tuple[str, ...]:
    """Return the names of all families with a decoding: those with published networks first."""
    return (*FAMILIES, *DECODER_FAMILIES)


def has_decoding(family: str) -> bool:
    """Return whether the outputs of a family's networks can be decoded."""
    return family in FAMILIES or family in DECODER_FAMILIES


def poses_of(family: str) -> FamilyPoses[Any]:
    """Return the module that turns the outputs of a family's networks into poses.

    Raises:
        InputError: no family has this name.
    """
    row = DECODER_FAMILIES.get(family) or FAMILIES.get(family)
    if row is None:
        raise InputError(
            f"no network family is called {family!r}; the families are {', '.join(list_decodable())}"
        )
    return cast("FamilyPoses[Any]", plugins.module(row.poses))


def decoder_poses_of(family: str) -> DecoderPoses | None:
    """Return the module of a family of ``decoder_families.py``; None for other families."""
    row = DECODER_FAMILIES.get(family)
    return cast("DecoderPoses", plugins.module(row.poses)) if row is not None else None


def published_channels(family: str) -> Mapping[str, int]:
    """Return the channels of the published network's outputs by role; empty without part affinity fields, and
    for an unknown family."""
    return poses_of(family).CHANNELS if has_decoding(family) else {}


def mesh_output(spec: ModelSpec) -> TensorSpec | None:
    """Return the output that holds the vertices of a mesh; None for a network without."""
    role = poses_of(spec.family).MESH_ROLE if has_decoding(spec.family) else None
    name = spec.roles.get(role) if role is not None else None
    return next((tensor for tensor in spec.outputs if tensor.name == name), None)


def joint_set(family: str, count: int | None = None) -> JointSet:
    """Return the default joint set of a family, or the one with ``count`` joints.

    For an unpublished number, the joints are named by number and there are no bones.
    """
    sets = poses_of(family).JOINT_SETS
    if count is None:
        return next(iter(sets.values()))
    return sets.get(count) or JointSet("", numbered(count), ())


def published_joint_set(family: str, count: int) -> JointSet:
    """Return the joint set for a network whose layers need its bones and pairs.

    Raises:
        InputError: the family has no joint set of this number of joints.
    """
    joints = joint_set(family, count)
    if not joints.bones:
        listed = ", ".join(f"{known.name} {number}" for number, known in poses_of(family).JOINT_SETS.items())
        raise InputError(
            f"a network on {count} joints, and no joint set of {family} has as many; the sets are {listed}. "
            "The layers use the bones and left-right pairs of the joints, which the checkpoint does not "
            "hold; pass your own network as `network=FILE.py:FUNCTION`"
        )
    return joints
