"""pose-hg-3d: one centerd person, 16 (MPII) or 17 (COCO) joints, 2D, or 3D from the pelvis on.

Sources: Zhou et al., "Towards 3D Human Pose Estimation in the Wild: a Weakly-supervised Approach"
(arXiv:1704.02447), whose published result is 64.55 mm on Human3.6M; for sizes, Winter, "Biomechanics and
Motor Control of Human Movement" (after Drillis and Contini, 1966). No upstream code was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import by_number
from posedeploy.own_keypoints import missing_description
from posedeploy.poses.maps import maps_of, stride_of
from posedeploy.types import (
    Array,
    Camera,
    InputContract,
    ModelSpec,
    Placement,
    Poses,
    Tensors,
)

JOINT_SETS = by_number("mpii", "coco-17")
KEYPOINT_NAMES, SKELETON = JOINT_SETS[16].joints, JOINT_SETS[16].bones

# BGR as OpenCV reads it, and the mean and std in that order of channels, as published.
CONTRACT = InputContract(
    height=256, width=256, mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
    std=(0.229 * 255, 0.224 * 255, 0.225 * 255), fit="center", multiple=32,
)  # fmt: skip
CONTRACTS = {16: CONTRACT, 17: replace(CONTRACT, width=192)}
UNIT: Final = "mm"
DEPTH_ROLE = "depth"
"""The output without which there are no 3D positions."""
ROLES = ("hm", DEPTH_ROLE)
PEAK_ROLES = ("hm",)
"""Maps whose highest cells are picked, so that noise decides where two are nearly equal."""
MESH_ROLE: Final = None
CHANNELS: Mapping[str, int] = {}
KEYPOINTS_OF = ("hm", 0, 1)

LIMBS = (
    ("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"),
)  # fmt: skip
LIMB_MM = (0.245 * 1800.0, 0.246 * 1800.0, 0.186 * 1800.0, 0.146 * 1800.0)
"""How long these are, thigh, shank, upper arm and forearm, of a person of 1.8 m."""
ROOTS = (("pelvis",), ("left_hip", "right_hip"))
"""What 3D positions are relative to: the first of these that a network has."""


def undescribed(spec: ModelSpec) -> str | None:
    """What must be described before 3D positions can be had from this network; None where nothing must."""
    if DEPTH_ROLE not in spec.roles or (_roots(spec.keypoint_names) and _bones(spec.keypoint_names)):
        return None
    return (
        f"{missing_description(spec, KEYPOINTS_OF)}. Its 3D positions start at a joint called pelvis, or "
        "between l_hip and r_hip, and their scale needs one limb at least, such as l_hip and l_knee"
    )


def decode(outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera) -> Poses:
    """The one person of an input, from (1, joints, h, w) heatmaps and, for 3D, depth maps of the same shape.

    2D positions are those of the cells with the highest values, in pixels of the image, their scores those
    values (0 where it is below), and the person's their mean. 3D positions are from the pelvis on (COCO: from
    the middle of the hips), x right, y down, z away from the camera. The network says nothing of size: as
    published, positions are in widths of the map. To be in mm they are made those of a person of 1.8 m, the
    bones of whose arms and legs, as far as the network has them, have 2.96 m together; errors in them are
    relative to that.

    Raises:
        InputError: an output is missing, holds several images, or does not fit the placement; a camera is
            given, which has no say in either; or nothing names the joints of a 3D network with its own.
    """
    if any(part is not None for part in (camera.fx, camera.rotation, camera.translation)):
        raise InputError(
            f"{spec.family} gives positions from the pelvis on, where the camera has no say; leave the focal "
            "length and the extrinsics out"
        )
    if missing := undescribed(spec):
        raise InputError(missing)
    joints = len(spec.keypoint_names)
    roles = [role for role in ROLES if role == "hm" or role in spec.roles]
    heatmaps, *depths = maps_of(outputs, spec, dict.fromkeys(roles, joints))
    stride = stride_of(heatmaps, placement, spec.map_stride)
    cells = peaks(heatmaps)
    scores = np.maximum(_read(heatmaps, cells), 0)[:, None].astype(np.float64)
    pixels = (cells * stride - placement.offset) / placement.scale
    keypoints = np.concatenate([pixels, scores], axis=1)
    poses = Poses(keypoints[None], scores.mean(axis=0))
    if not depths:
        return poses
    relative = relative_pose(cells, depths[0], spec.keypoint_names)
    positions = np.concatenate([_in_mm(relative, spec.keypoint_names), scores], axis=1)
    return replace(poses, keypoints_3d=positions[None], root_relative=True)


def peaks(maps: Array) -> Array:
    """(joints, 2) int64: x, y of the highest cell of each of (joints, h, w) maps; the first of equal ones.

    The published code adds x over the map's width to y, by a slip in a division; its 3D positions do not.
    """
    y, x = np.divmod(maps.reshape(len(maps), -1).argmax(axis=1), maps.shape[2])
    return np.stack([x, y], axis=1)


def relative_pose(cells: Array, depths: Array, names: tuple[str, ...]) -> Array:
    """(joints, 3) x, y, z from the root on, in widths of the map, from (joints, h, w) depth maps."""
    width = depths.shape[2]
    pose = np.concatenate([cells / width, _read(depths, cells)[:, None].astype(np.float64)], axis=1)
    centerd: Array = pose - pose[_roots(names)].mean(axis=0)
    return centerd


@lru_cache(maxsize=16)
def _roots(names: tuple[str, ...]) -> list[int]:
    """The joints whose middle is the root; none where the names do not say."""
    own = [coco_name(name) for name in names]
    return next(([own.index(name) for name in root] for root in ROOTS if set(root) <= set(own)), [])


@lru_cache(maxsize=16)
def _bones(names: tuple[str, ...]) -> list[tuple[int, int, float]]:
    """The limbs both of whose ends are there: these, and how long they are in mm."""
    own = [coco_name(name) for name in names]
    limbs = [
        (f"{side}_{start}", f"{side}_{end}", length)
        for side in ("left", "right")
        for (start, end), length in zip(LIMBS, LIMB_MM, strict=True)
    ]
    return [(own.index(a), own.index(b), length) for a, b, length in limbs if {a, b} <= set(own)]


def _read(maps: Array, cells: Array) -> Array:
    """(joints,) the value of each joint's map at its cell."""
    values: Array = maps[np.arange(len(maps)), cells[:, 1], cells[:, 0]]
    return values


def _in_mm(relative: Array, names: tuple[str, ...]) -> Array:
    bones = _bones(names)
    starts, ends = [start for start, _, _ in bones], [end for _, end, _ in bones]
    total = float(np.linalg.norm(relative[starts] - relative[ends], axis=1).sum())
    scaled: Array = relative * (sum(length for _, _, length in bones) / total if total else 0.0)
    return scaled
