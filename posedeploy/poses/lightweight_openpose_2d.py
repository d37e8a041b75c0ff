"""lightweight-openpose-2d: several people in an image, 18 keypoints each.

Source: Osokin, "Real-time 2D Multi-Person Pose Estimation on CPU: Lightweight OpenPose" (2018), and the
published code that goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np

from posedeploy.joint_sets import JointSet
from posedeploy.poses.affinity import plausible, rounded_mean
from posedeploy.poses.fields import upsampled_fields
from posedeploy.poses.grouping import COMPLETING, best_first, group
from posedeploy.poses.limbs import LIMBS, limbs_of, undescribed_limbs
from posedeploy.poses.maps import UPSAMPLE, maps_of, stride_of, upsampled
from posedeploy.poses.peaks import find_peaks
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
"""Maps whose highest cells are picked, so that noise decides where two are nearly equal."""
DEPTH_ROLE: Final = None
MESH_ROLE: Final = None
CHANNELS = {"heatmaps": 19, "pafs": 38}
"""Those of the published network; the last heatmap is the background."""
KEYPOINTS_OF = ("heatmaps", 1, 1)
"""The output that says how many keypoints there are: its channels without so many, over so many."""


def undescribed(spec: ModelSpec) -> str | None:
    """What must be described before people can be found with this network; None where nothing must."""
    return undescribed_limbs(spec, CHANNELS, KEYPOINTS_OF)


def decode(outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera) -> Poses:
    """The people in one image, from (1, 19, h, w) heatmaps and (1, 38, h, w) part affinity fields, or those
    of the limbs that ``spec`` describes.

    Positions are in pixels of the image, not rounded. ``camera`` has no say in 2D.

    Raises:
        InputError: an output is missing, holds several images, or does not fit the placement; or nothing
            describes the limbs of a network with keypoints of its own.
    """
    limbs = limbs_of(spec, CHANNELS, KEYPOINTS_OF)
    heatmaps, pafs = maps_of(outputs, spec, {"heatmaps": limbs.keypoints + 1, "pafs": limbs.channels})
    stride = stride_of(heatmaps, placement, spec.map_stride)
    peaks = find_peaks(upsampled(heatmaps[: limbs.keypoints], cv2.INTER_CUBIC))
    pairs, scores = plausible(peaks, upsampled_fields(pafs, peaks, limbs, cv2.INTER_CUBIC), rounded_mean)
    people = group(peaks, best_first(pairs, scores, -np.arange(len(pairs)), limbs), limbs, lone=False)

    cells = np.stack([peaks.x, peaks.y], axis=1)
    pixels = (cells * stride / UPSAMPLE - placement.offset) / placement.scale
    found = np.concatenate([pixels, peaks.scores[:, None]], axis=1)
    # The last row stands for every missing keypoint: index -1.
    table = np.concatenate([found, np.full((1, 3), -1.0)])
    return Poses(keypoints=table[people.members], scores=people.scores)
