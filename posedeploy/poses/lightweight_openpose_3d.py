"""lightweight-openpose-3d: several people in an image, 19 joints each in camera or world coordinates.

Source: Mehta et al., "Single-Shot Multi-Person 3D Pose Estimation From Monocular RGB" (2018), for the
location maps, and the published code of Osokin's 3D demo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from posedeploy.joint_sets import JointSet
from posedeploy.poses.affinity import plausible, truncated_mean
from posedeploy.poses.cameras import focal_length, to_world
from posedeploy.poses.fields import upsampled_fields
from posedeploy.poses.grouping import best_first, group
from posedeploy.poses.limbs import limbs_of, undescribed_limbs
from posedeploy.poses.maps import UPSAMPLE, maps_of, stride_of, upsampled
from posedeploy.poses.peaks import THRESHOLD, find_peaks
from posedeploy.types import Array, Camera, InputContract, ModelSpec, Placement, Poses, Tensors

KEYPOINT_NAMES = (
    "neck", "nose", "body_center", "l_sho", "l_elb", "l_wri", "l_hip", "l_knee", "l_ank", "r_sho",
    "r_elb", "r_wri", "r_hip", "r_knee", "r_ank", "r_eye", "l_eye", "r_ear", "l_ear",
)  # fmt: skip
SKELETON = (
    (0, 1), (1, 15), (15, 17), (1, 16), (16, 18), (0, 3), (3, 4), (4, 5), (0, 9), (9, 10), (10, 11),
    (0, 6), (6, 7), (7, 8), (0, 12), (12, 13), (13, 14),
)  # fmt: skip
JOINT_SETS = {len(KEYPOINT_NAMES): JointSet("lightweight-openpose-3d", KEYPOINT_NAMES, SKELETON)}
CONTRACT = InputContract(
    height=256, width=448, mean=(128.0, 128.0, 128.0), std=(255.0, 255.0, 255.0), fit="crop"
)
CONTRACTS: Mapping[int, InputContract] = {}
UNIT: Final = "mm"
ROLES = ("features", "heatmaps", "pafs")
PEAK_ROLES = ("heatmaps", "pafs")
"""Maps whose highest cells are picked, so that noise decides where two are nearly equal."""
DEPTH_ROLE: Final = None
MESH_ROLE: Final = None
CHANNELS = {"features": 57, "heatmaps": 19, "pafs": 38}
"""Those of the published network; the last heatmap is the background."""
KEYPOINTS_OF = ("features", 0, 3)
"""The output that says how many joints there are: its channels without so many, over so many."""

PERSON_HEIGHT_MM = 1800.0
"""The unit of the ``features`` maps."""

PANOPTIC = np.array([1, 0, 9, 10, 11, 3, 4, 5, 12, 13, 14, 6, 7, 8, 15, 16, 17, 18])
"""The Panoptic joint of each keypoint of the heatmaps."""

LIMB_JOINTS = ((18, 17, 1), (16, 15, 1), (5, 4, 3), (8, 7, 6), (11, 10, 9), (14, 13, 12))
"""Joints that are read together, at the cell of the first of them that is visible."""


ROOT = "neck"
"""The joint at whose cell all joints of a person are read; of joints of its own that lack it, the first one
that has a heatmap."""


def undescribed(spec: ModelSpec) -> str | None:
    """What must be described before people can be found with this network; None where nothing must."""
    return undescribed_limbs(spec, CHANNELS, KEYPOINTS_OF)


def decode(outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera) -> Poses:
    """The people in one image, from (1, 57, h, w) features, (1, 19, h, w) heatmaps and (1, 38, h, w) fields,
    or those of the joints and limbs that ``spec`` describes.

    Joints are in Panoptic order; joint 2, the body center, has no 2D position. 2D positions are whole
    pixels, truncated as published. 3D positions are in mm: camera coordinates, or world ones where the
    camera says how. A person whose neck is not seen is left out. Each joint of a described network that is
    seen is read at its own cell.

    Raises:
        InputError: an output is missing, holds several images, or does not fit the placement; the camera's
            numbers cannot be used; or nothing describes the limbs of a network with joints of its own.
    """
    limbs, layout = limbs_of(spec, CHANNELS, KEYPOINTS_OF), _layout_of(spec)
    joints = layout.joints
    channels = {"features": 3 * joints, "heatmaps": limbs.keypoints + 1, "pafs": limbs.channels}
    features, heatmaps, pafs = maps_of(outputs, spec, channels)
    stride = stride_of(heatmaps, placement, spec.map_stride)
    peaks = find_peaks(upsampled(heatmaps[: limbs.keypoints], cv2.INTER_LINEAR))
    fields = upsampled_fields(pafs, peaks, limbs, cv2.INTER_LINEAR)
    pairs, scores = plausible(peaks, fields, truncated_mean)
    tie = pairs.a * len(peaks.x) + pairs.b
    people = group(peaks, best_first(pairs, scores, tie, limbs), limbs, lone=True)

    found = np.stack([peaks.x / UPSAMPLE, peaks.y / UPSAMPLE, peaks.scores], axis=1)
    table = np.concatenate([found, np.full((1, 3), -1.0)])
    cells = np.full((len(people.members), joints, 3), -1.0)
    cells[:, layout.of_heatmap] = table[people.members]
    necked = cells[:, layout.root, 2] > THRESHOLD
    cells = cells[necked]
    relative = _joints_at(features, cells, layout)
    fx_cells = focal_length(camera, placement) * placement.scale / stride
    camera_mm = relative + _translation(relative, cells, features.shape[1:], fx_cells)[:, None]
    positions = np.concatenate([to_world(camera_mm, camera), cells[..., 2:]], axis=2)
    return Poses(_pixels(cells, stride, placement), people.scores[necked], keypoints_3d=positions)


@dataclass(frozen=True)
class _Layout:
    """Where a network's joints are. of_heatmap: the joint of each heatmap. root: at whose cell all joints are
    read; read_together: then these, at the cell of the first of each group that is visible."""

    joints: int
    of_heatmap: Array
    root: int
    read_together: tuple[tuple[int, ...], ...]


def _layout_of(spec: ModelSpec) -> _Layout:
    if not spec.limbs:
        return _Layout(len(KEYPOINT_NAMES), PANOPTIC, 0, LIMB_JOINTS)
    joints = len(spec.keypoint_names)
    of_heatmap = spec.heatmap_joints or tuple(range(joints))
    root = spec.keypoint_names.index(ROOT) if ROOT in spec.keypoint_names else of_heatmap[0]
    return _Layout(joints, np.array(of_heatmap), root, tuple((joint,) for joint in of_heatmap))


def _pixels(cells: Array, stride: float, placement: Placement) -> Array:
    pixels = np.trunc((cells[..., :2] * stride - placement.offset) / placement.scale)
    seen = cells[..., 2:] != -1
    return np.where(seen, np.concatenate([pixels, cells[..., 2:]], axis=2), -1.0)


def _joints_at(features: Array, cells: Array, layout: _Layout) -> Array:
    """(people, joints, 3) mm, root-relative: all joints as the neck's cell has them, limbs as their own."""
    root = cells[:, layout.root : layout.root + 1, :2]
    where = np.repeat(root.astype(np.int64), cells.shape[1], axis=1)
    for limb in layout.read_together:
        at = np.array(limb)
        visible = cells[:, at, 2] > THRESHOLD
        first = at[visible.argmax(axis=1)]
        people = np.flatnonzero(visible.any(axis=1))
        where[people[:, None], at] = cells[people, first[people], None, :2].astype(np.int64)
    by_joint = features.reshape(-1, 3, *features.shape[1:])
    read: Array = by_joint[np.arange(cells.shape[1]), :, where[..., 1], where[..., 0]]
    return read * PERSON_HEIGHT_MM


def _translation(relative: Array, cells: Array, map_size: tuple[int, ...], fx_cells: float) -> Array:
    """(people, 3) in mm: where a person must stand for the spread of its joints to look as it does."""
    seen = (cells[..., 2:] != -1).astype(np.float64)
    number = seen.sum(axis=1)
    flat = cells[..., :2] - (map_size[1] / 2, map_size[0] / 2)
    mean_2d = (flat * seen).sum(axis=1) / number
    mean_3d = (relative[..., :2] * seen).sum(axis=1) / number
    spread_2d = np.sqrt((((flat - mean_2d[:, None]) * seen) ** 2).sum(axis=(1, 2)))
    spread_3d = np.sqrt((((relative[..., :2] - mean_3d[:, None]) * seen) ** 2).sum(axis=(1, 2)))
    mm_per_cell = (spread_3d / spread_2d)[:, None]
    depth = np.full((len(cells), 1), fx_cells)
    moved: Array = mm_per_cell * np.concatenate([mean_2d, depth], axis=1)
    moved[:, :2] -= mean_3d
    return moved
