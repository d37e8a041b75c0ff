"""lightweight-openpose-2d: several people in an image, 18 keypoints each.

Source: Osokin, "Real-time 2D Multi-Person Pose Estimation on CPU: Lightweight OpenPose" (2018), and its
published code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np

from posedeploy.joint_sets import JointSet
from posedeploy.poses.affinity import score_rounded, select_plausible
from posedeploy.poses.fields import upsample_fields
from posedeploy.poses.grouping import COMPLETING, choose_connections, group
from posedeploy.poses.limbs import LIMBS, explain_missing_limbs, select_limbs
from posedeploy.poses.maps import UPSAMPLE, find_stride, select_maps
from posedeploy.poses.peaks import find_upsampled_peaks
from posedeploy.poses.refinement import refine_peaks
from posedeploy.types import Camera, InputContract, ModelSpec, Placement, Poses, Tensors

KEYPOINT_NAMES = (
    "nose", "neck", "r_sho", "r_elb", "r_wri", "l_sho", "l_elb", "l_wri", "r_hip",
    "r_knee", "r_ank", "l_hip", "l_knee", "l_ank", "r_eye", "l_eye", "r_ear", "l_ear",
)  # fmt: skip
SKELETON = tuple(limb for index, limb in enumerate(LIMBS) if index not in COMPLETING)
JOINT_SETS = {len(KEYPOINT_NAMES): JointSet("lightweight-openpose-2d", KEYPOINT_NAMES, SKELETON)}
CONTRACT = InputContract(height=256, width=456, mean=(128.0, 128.0, 128.0), std=(256.0, 256.0, 256.0))
CONTRACTS: Mapping[int, InputContract] = {}
UNIT: Final = "px"
ROLES = ("heatmaps", "pafs")
PEAK_ROLES = ROLES
"""Maps whose maxima are selected, so that noise decides between nearly equal cells."""
DEPTH_ROLE: Final = None
MESH_ROLE: Final = None
CHANNELS = {"heatmaps": 19, "pafs": 38}
"""Channels of the published network; the last heatmap is the background."""
KEYPOINTS_OF = ("heatmaps", 1, 1)


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return what a contract must describe before decoding; None if nothing is missing."""
    return explain_missing_limbs(spec, CHANNELS, KEYPOINTS_OF)


def decode(
    outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera, *, refine: bool = False
) -> Poses:
    """Return the people in one image.

    Positions are in pixels of the image, not rounded. ``camera`` is not used in 2D.

    Args:
        outputs: (1, 19, h, w) heatmaps and (1, 38, h, w) part affinity fields, or the channels of the limbs
            that ``spec`` describes.
        refine: move positions by up to half a cell of the heatmap (``refinement.py``).

    Raises:
        InputError: an output is missing, has several images, or does not match the placement; or the network
            has its own keypoints and the spec describes no limbs.
    """
    limbs = select_limbs(spec, CHANNELS, KEYPOINTS_OF)
    heatmaps, pafs = select_maps(outputs, spec, {"heatmaps": limbs.keypoints + 1, "pafs": limbs.channels})
    stride = find_stride(heatmaps, placement, spec.map_stride)
    peaks = find_upsampled_peaks(heatmaps[: limbs.keypoints], cv2.INTER_CUBIC)
    fields = upsample_fields(pafs, peaks, limbs, cv2.INTER_CUBIC)
    pairs, scores = select_plausible(peaks, fields, score_rounded)
    people = group(
        peaks,
        choose_connections(pairs, scores, -np.arange(len(pairs)), limbs),
        limbs,
        starts_single_peaks=False,
    )

    cells = refine_peaks(heatmaps, peaks) if refine else np.stack([peaks.x, peaks.y], axis=1)
    pixels = placement.to_image(cells * stride / UPSAMPLE)
    keypoints = np.concatenate([pixels, peaks.scores[:, None]], axis=1)
    # Missing keypoints have the index -1, which selects the last row.
    table = np.concatenate([keypoints, np.full((1, 3), -1.0)])
    return Poses(keypoints=table[people.members], scores=people.scores)
