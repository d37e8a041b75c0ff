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
from posedeploy.poses.affinity import score_truncated, select_plausible
from posedeploy.poses.cameras import find_focal_length, to_world
from posedeploy.poses.fields import upsample_fields
from posedeploy.poses.grouping import People, choose_connections, group
from posedeploy.poses.limbs import explain_missing_limbs, select_limbs
from posedeploy.poses.maps import UPSAMPLE, find_stride, select_maps
from posedeploy.poses.peaks import THRESHOLD, Peaks, find_upsampled_peaks
from posedeploy.poses.refinement import refine_peaks
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
"""Maps whose maxima are selected, so that noise decides between nearly equal cells."""
DEPTH_ROLE: Final = None
MESH_ROLE: Final = None
CHANNELS = {"features": 57, "heatmaps": 19, "pafs": 38}
"""Channels of the published network; the last heatmap is the background."""
KEYPOINTS_OF = ("features", 0, 3)

PERSON_HEIGHT_MM = 1800.0
"""The unit of the ``features`` maps."""

PANOPTIC = np.array([1, 0, 9, 10, 11, 3, 4, 5, 12, 13, 14, 6, 7, 8, 15, 16, 17, 18])
"""The Panoptic joint of each keypoint of the heatmaps."""

LIMB_JOINTS = ((18, 17, 1), (16, 15, 1), (5, 4, 3), (8, 7, 6), (11, 10, 9), (14, 13, 12))
"""Joints that are read together, at the cell of the first visible one."""

ROOT = "neck"
"""The joint at whose cell all joints of a person are read. A network without it uses its first joint with a
heatmap."""


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return what a contract must describe before decoding; None if nothing is missing."""
    return explain_missing_limbs(spec, CHANNELS, KEYPOINTS_OF)


def decode(
    outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera, *, refine: bool = False
) -> Poses:
    """Return the people in one image.

    Joints are in Panoptic order; joint 2, the body center, has no 2D position. 2D positions are whole
    pixels, truncated as published. 3D positions are in mm, in camera coordinates, or in world coordinates if
    the camera has extrinsics. People without a visible neck are left out. If ``spec`` describes the joints,
    each visible joint is read at its own cell.

    Args:
        outputs: (1, 57, h, w) features, (1, 19, h, w) heatmaps and (1, 38, h, w) part affinity fields, or the
            channels of the joints and limbs that ``spec`` describes.
        refine: move 2D positions by up to half a cell of the heatmap (``refinement.py``), keep their
            fractions, and compute each person's place from them. Joints are read at the published cells.

    Raises:
        InputError: an output is missing, has several images, or does not match the placement; the camera is
            invalid; or the network has its own joints and the spec describes no limbs.
    """
    limbs, layout = select_limbs(spec, CHANNELS, KEYPOINTS_OF), _layout_of(spec)
    joints = layout.joints
    channels = {"features": 3 * joints, "heatmaps": limbs.keypoints + 1, "pafs": limbs.channels}
    features, heatmaps, pafs = select_maps(outputs, spec, channels)
    stride = find_stride(heatmaps, placement, spec.map_stride)
    peaks = find_upsampled_peaks(heatmaps[: limbs.keypoints], cv2.INTER_LINEAR)
    fields = upsample_fields(pafs, peaks, limbs, cv2.INTER_LINEAR)
    pairs, scores = select_plausible(peaks, fields, score_truncated)
    tie = pairs.a * len(peaks.x) + pairs.b
    people = group(peaks, choose_connections(pairs, scores, tie, limbs), limbs, starts_single_peaks=True)

    cells = _cells(np.stack([peaks.x, peaks.y], axis=1), peaks, people, layout)
    has_root = cells[:, layout.root, 2] > THRESHOLD
    relative = _joints_at(features, cells[has_root], layout)
    if refine:
        cells = _cells(refine_peaks(heatmaps, peaks), peaks, people, layout)
    cells = cells[has_root]
    keypoints = _pixels(cells, stride, placement, truncate=not refine)
    fx_cells = find_focal_length(camera, placement) * placement.scale / stride
    camera_mm = relative + _translation(relative, cells, features.shape[1:], fx_cells)[:, None]
    positions = np.concatenate([to_world(camera_mm, camera), cells[..., 2:]], axis=2)
    return Poses(keypoints, people.scores[has_root], keypoints_3d=positions)


@dataclass(frozen=True)
class _Layout:
    """The positions at which a network's joints are read.

    of_heatmap: the joint of each heatmap. root: the joint at whose cell all joints are read. read_together:
    groups of joints that are read again at the cell of the first visible joint of the group.
    """

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


def _cells(positions: Array, peaks: Peaks, people: People, layout: _Layout) -> Array:
    """Return (people, joints, 3) x, y in cells and the score of each joint's peak; -1 for missing joints.

    Args:
        positions: (peaks, 2) x, y in px of the upsampled map.
    """
    candidates = np.concatenate([positions / UPSAMPLE, peaks.scores[:, None]], axis=1)
    # Missing keypoints have the index -1, which selects the last row.
    table = np.concatenate([candidates, np.full((1, 3), -1.0)])
    cells = np.full((len(people.members), layout.joints, 3), -1.0)
    cells[:, layout.of_heatmap] = table[people.members]
    return cells


def _pixels(cells: Array, stride: float, placement: Placement, *, truncate: bool) -> Array:
    pixels = placement.to_image(cells[..., :2] * stride)
    pixels = np.trunc(pixels) if truncate else pixels
    seen = cells[..., 2:] != -1
    return np.where(seen, np.concatenate([pixels, cells[..., 2:]], axis=2), -1.0)


def _joints_at(features: Array, cells: Array, layout: _Layout) -> Array:
    """Return (people, joints, 3) mm relative to the root, read at the root's cell or at that of the group."""
    root = cells[:, layout.root : layout.root + 1, :2]
    positions = np.repeat(root.astype(np.int64), cells.shape[1], axis=1)
    for limb in layout.read_together:
        at = np.array(limb)
        visible = cells[:, at, 2] > THRESHOLD
        first = at[visible.argmax(axis=1)]
        people = np.flatnonzero(visible.any(axis=1))
        positions[people[:, None], at] = cells[people, first[people], None, :2].astype(np.int64)
    by_joint = features.reshape(-1, 3, *features.shape[1:])
    relative: Array = by_joint[np.arange(cells.shape[1]), :, positions[..., 1], positions[..., 0]]
    return relative * PERSON_HEIGHT_MM


def _translation(relative: Array, cells: Array, map_size: tuple[int, ...], fx_cells: float) -> Array:
    """Return (people, 3) mm: the position at which a person's joints have the spread that the image shows."""
    is_visible = (cells[..., 2:] != -1).astype(np.float64)
    number = is_visible.sum(axis=1)
    centered = cells[..., :2] - (map_size[1] / 2, map_size[0] / 2)
    mean_2d = (centered * is_visible).sum(axis=1) / number
    mean_3d = (relative[..., :2] * is_visible).sum(axis=1) / number
    spread_2d = np.sqrt((((centered - mean_2d[:, None]) * is_visible) ** 2).sum(axis=(1, 2)))
    spread_3d = np.sqrt((((relative[..., :2] - mean_3d[:, None]) * is_visible) ** 2).sum(axis=(1, 2)))
    mm_per_cell = (spread_3d / spread_2d)[:, None]
    depth = np.full((len(cells), 1), fx_cells)
    translation: Array = mm_per_cell * np.concatenate([mean_2d, depth], axis=1)
    translation[:, :2] -= mean_3d
    return translation
