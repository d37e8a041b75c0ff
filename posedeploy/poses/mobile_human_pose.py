"""mobile-human-pose: one person in a box, 18 or 21 joints in camera or world coordinates.

Source: Choi, Choi and Kim, "MobileHumanPose" (CVPR Workshops 2021), and, for the box, the volume and the
root's depth, Moon, Chang and Lee, "Camera Distance-aware Top-down Approach for 3D Multi-person Pose
Estimation" (arXiv:1907.11346).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_sets import by_number
from posedeploy.poses.cameras import find_focal_length, to_world
from posedeploy.types import (
    Array,
    Camera,
    InputContract,
    ModelSpec,
    Placement,
    Poses,
    Tensors,
)

JOINT_SETS = by_number("human36-18", "muco")
KEYPOINT_NAMES, SKELETON = JOINT_SETS[18].joints, JOINT_SETS[18].bones

# As published: values from 0 to 255, with the mean and std of values from 0 to 1.
CONTRACT = InputContract(
    height=256, width=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
    color_order="RGB", fit="box", margin=1.25,
)  # fmt: skip
CONTRACTS: Mapping[int, InputContract] = {}
UNIT: Final = "mm"
ROLES = ("coord",)
PEAK_ROLES = ()
DEPTH_ROLE: Final = None
MESH_ROLE: Final = None
CHANNELS: Mapping[str, int] = {}
KEYPOINTS_OF = ("coord", 0, 1)

HALF_DEPTH_MM = 1000.0
"""Extent of the volume in front of and behind the root."""
CROP_MM = 2000.0
"""Assumed width of a crop at the distance of the person."""


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return None: this network needs no description of its joints."""
    return None


def decode(outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera) -> Poses:
    """Return the person in a box, from (1, joints, 3): x, y and z in cells of the volume.

    2D positions are in pixels of the image, not rounded. 3D positions are in mm, in camera coordinates, with
    the axis through the center of the image, or in world coordinates if the camera has extrinsics.

    The network's depth is relative to the root (pelvis). Published results take the root's distance from
    another network, RootNet. Here, it is RootNet's initial estimate, which RootNet would correct by a factor:
    the square crop with its margin spans 2 m. The scale of a person is as accurate as that estimate. The
    network has no scores: every score is 1.

    Raises:
        InputError: the output is missing, or not for one image and the joints of the spec, or the camera is
            invalid.
    """
    coord = _coordinates(outputs, spec)
    cells = _cells(spec)
    stride = np.divide(placement.input_size, cells)
    pixels = placement.to_image(coord[:, :2] * stride)
    fx = find_focal_length(camera, placement)
    root_mm = fx * CROP_MM * placement.scale / placement.input_size[0]
    depth_mm = root_mm + (coord[:, 2:] / cells * 2 - 1) * HALF_DEPTH_MM
    middle = np.array(placement.image_size) / 2
    camera_mm = np.concatenate([(pixels - middle) / fx * depth_mm, depth_mm], axis=1)
    scores = np.ones((len(coord), 1))
    positions = np.concatenate([to_world(camera_mm, camera), scores], axis=1)
    keypoints = np.concatenate([pixels, scores], axis=1)
    return Poses(keypoints[None], np.ones(1), keypoints_3d=positions[None])


def _coordinates(outputs: Tensors, spec: ModelSpec) -> Array:
    """Return (joints, 3) in float64."""
    name = spec.roles.get("coord")
    if name not in outputs:
        raise InputError(
            f"no output {name!r} for 'coord', which {spec.family} needs; the outputs are: "
            f"{', '.join(outputs) or 'none'}"
        )
    expected = (1, len(spec.keypoint_names), 3)
    if outputs[name].shape != expected:
        raise InputError(
            f"coord ({name!r}) has shape {outputs[name].shape}; expected {expected}: one box, and the joints "
            "of the spec"
        )
    coordinates: Array = outputs[name][0].astype(np.float64)
    return coordinates


def _cells(spec: ModelSpec) -> int:
    if spec.cells is None:
        raise InputError(
            f"the number of cells per side of this {spec.family} is unknown; write cells = 32 (LPSKI) or "
            "cells = 64 (LPRES, LPWO) in a `contract` file"
        )
    return spec.cells
