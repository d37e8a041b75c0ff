"""pose-hg-3d: one centered person, 16 (MPII) or 17 (COCO) joints, in 2D, or in 3D relative to the pelvis.

Sources: Zhou et al., "Towards 3D Human Pose Estimation in the Wild: a Weakly-supervised Approach"
(arXiv:1704.02447), whose published result is 64.55 mm on Human3.6M. No upstream code was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_sets import by_number
from posedeploy.own_keypoints import describe_missing_keypoints
from posedeploy.poses.body_scale import find_bones, find_roots, relative_to_root, scale_to_mm
from posedeploy.poses.cameras import check_no_camera
from posedeploy.poses.maps import find_highest, find_stride, select_maps
from posedeploy.poses.refinement import refine_cells
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
"""The role of the output that 3D positions need."""
ROLES = ("hm", DEPTH_ROLE)
PEAK_ROLES = ("hm",)
"""Maps whose maximum is selected, so that noise decides between nearly equal cells."""
MESH_ROLE: Final = None
CHANNELS: Mapping[str, int] = {}
KEYPOINTS_OF = ("hm", 0, 1)


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return the message on the description that 3D positions need; None if it is complete."""
    if DEPTH_ROLE not in spec.roles or (find_roots(spec.keypoint_names) and find_bones(spec.keypoint_names)):
        return None
    return (
        f"{describe_missing_keypoints(spec, KEYPOINTS_OF)}. Its 3D positions are relative to the joint "
        "pelvis or to the midpoint of l_hip and r_hip; their scale needs at least one limb, such as l_hip "
        "and l_knee"
    )


def decode(
    outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera, *, refine: bool = False
) -> Poses:
    """Return the person of an input, from (1, joints, h, w) heatmaps and, for 3D, depth maps of that shape.

    2D positions are those of the cells with the highest values, in pixels of the image. (The published code
    adds x / width to y by mistake, but not for its 3D positions.) Their scores are these values, at least 0,
    and the person's score is their mean. 3D positions are relative to the pelvis (COCO: to the midpoint of
    the hips), x right, y down, z away from the camera. The network's scale is unknown: as published,
    positions are in widths of the map. They are scaled to mm for a person of 1.8 m, whose arm and leg bones
    have a total length of 2.96 m if the network has all of them; errors are relative to that.

    Args:
        refine: move x and y, in 2D and in 3D, by up to half a cell of the heatmap (``refinement.py``). Scores
            and depths are read at the published cells.

    Raises:
        InputError: an output is missing, has several images, or does not fit the placement; the camera has
            parameters, which are not used; or the joints of a user's 3D network have no names.
    """
    check_no_camera(camera, spec.family)
    if missing := find_missing_description(spec):
        raise InputError(missing)
    joints = len(spec.keypoint_names)
    roles = [role for role in ROLES if role == "hm" or role in spec.roles]
    heatmaps, *depths = select_maps(outputs, spec, dict.fromkeys(roles, joints))
    stride = find_stride(heatmaps, placement, spec.map_stride)
    cells = find_highest(heatmaps)
    scores = np.maximum(_read(heatmaps, cells), 0)[:, None].astype(np.float64)
    positions = refine_cells(heatmaps, np.arange(joints), cells) if refine else cells
    pixels = placement.to_image(positions * stride)
    keypoints = np.concatenate([pixels, scores], axis=1)
    poses = Poses(keypoints[None], scores.mean(axis=0))
    if not depths:
        return poses
    relative = relative_pose(cells, depths[0], spec.keypoint_names, positions)
    joints_3d = np.concatenate([scale_to_mm(relative, spec.keypoint_names), scores], axis=1)
    return replace(poses, keypoints_3d=joints_3d[None], root_relative=True)


def relative_pose(
    cells: Array, depths: Array, names: tuple[str, ...], positions: Array | None = None
) -> Array:
    """Return (joints, 3) x, y, z relative to the root, in widths of the (joints, h, w) depth maps.

    Args:
        cells: (joints, 2) int64 x, y where the depths are read.
        positions: (joints, 2) x, y in cells; None takes ``cells``.
    """
    width, xy = depths.shape[2], cells if positions is None else positions
    pose = np.concatenate([xy / width, _read(depths, cells)[:, None].astype(np.float64)], axis=1)
    return relative_to_root(pose, names)


def _read(maps: Array, cells: Array) -> Array:
    """Return (joints,) values of each joint's map at its cell."""
    values: Array = maps[np.arange(len(maps)), cells[:, 1], cells[:, 0]]
    return values
