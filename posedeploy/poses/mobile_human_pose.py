"""mobile-human-pose: one person in a box, 18 or 21 joints in camera or world coordinates.

Source: Choi, Choi and Kim, "MobileHumanPose" (CVPR Workshops 2021), and, for the box, the volume and the
root's depth, Moon, Chang and Lee, "Camera Distance-aware Top-down Approach for 3D Multi-person Pose
Estimation" (arXiv:1907.11346).
"""

from __future__ import annotations

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.cameras import focal_length, to_world
from posedeploy.types import (
    Array,
    Camera,
    InputContract,
    JointSet,
    ModelSpec,
    Placement,
    Poses,
    Tensors,
)

HUMAN36M = JointSet(
    names=(
        "pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "torso", "neck",
        "nose", "head", "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist", "thorax",
    ),
    skeleton=(
        (0, 7), (7, 8), (8, 9), (9, 10), (8, 11), (11, 12), (12, 13), (8, 14), (14, 15), (15, 16),
        (0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6),
    ),
    sigmas=(
        0.107, 0.107, 0.087, 0.089, 0.107, 0.087, 0.089, 0.107, 0.079,
        0.026, 0.026, 0.079, 0.072, 0.062, 0.079, 0.072, 0.062, 0.079,
    ),
)  # fmt: skip
MUCO = JointSet(
    names=(
        "head_top", "thorax", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist",
        "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "pelvis", "spine", "head",
        "r_hand", "l_hand", "r_toe", "l_toe",
    ),
    skeleton=(
        (0, 16), (16, 1), (1, 15), (15, 14), (14, 8), (14, 11), (8, 9), (9, 10), (10, 19), (11, 12),
        (12, 13), (13, 20), (1, 2), (2, 3), (3, 4), (4, 17), (1, 5), (5, 6), (6, 7), (7, 18),
    ),
    sigmas=(
        0.026, 0.079, 0.079, 0.072, 0.062, 0.079, 0.072, 0.062,
        0.107, 0.087, 0.089, 0.107, 0.087, 0.089, 0.107, 0.107, 0.026,
        0.062, 0.062, 0.089, 0.089,
    ),
)  # fmt: skip
JOINT_SETS = {18: HUMAN36M, 21: MUCO}
"""By their number. Sigmas are COCO's; joints that COCO lacks have those of their neighbours."""
KEYPOINT_NAMES, SKELETON, SIGMAS = HUMAN36M.names, HUMAN36M.skeleton, HUMAN36M.sigmas

# As published: values from 0 to 255, with the mean and deviation of values from 0 to 1.
CONTRACT = InputContract(
    height=256, width=256, mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225),
    colour_order="RGB", fit="box", margin=1.25,
)  # fmt: skip
UNIT = "mm"
ROLES = ("coord",)

HALF_DEPTH_MM = 1000.0
"""The volume of depth bins reaches so far before and behind the root."""
CROP_MM = 2000.0
"""What a crop is taken to span where the person stands."""


def decode(outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera) -> Poses:
    """The one person in a box, from (1, joints, 3): x and y in cells of the map, z in depth bins.

    Positions are in pixels of the image, not rounded; in 3D in mm, in coordinates of the camera, whose axis
    goes through the middle of the image, or of the world where the camera says how. The network tells depth
    from the root (pelvis) on, and not how far away that is. Published results take it from another network,
    RootNet; here it is that network's first guess, which it corrects by a factor: the crop, squared and
    with its margin, spans 2 m. Sizes within a person are therefore as right as that guess. The network gives
    no score: it is 1 for every joint.

    Raises:
        InputError: the output is missing or is not of one image and of the joints that the spec names; or the
            camera's numbers cannot be used.
    """
    coord = _coordinates(outputs, spec)
    cells = _cells(spec)
    stride = np.divide(placement.input_size, cells)
    pixels = (coord[:, :2] * stride - placement.offset) / placement.scale
    fx = focal_length(camera, placement)
    root_mm = fx * CROP_MM * placement.scale / placement.input_size[0]
    depth_mm = root_mm + (coord[:, 2:] / cells * 2 - 1) * HALF_DEPTH_MM
    middle = np.array(placement.image_size) / 2
    camera_mm = np.concatenate([(pixels - middle) / fx * depth_mm, depth_mm], axis=1)
    scores = np.ones((len(coord), 1))
    positions = np.concatenate([to_world(camera_mm, camera), scores], axis=1)
    keypoints = np.concatenate([pixels, scores], axis=1)
    return Poses(keypoints[None], np.ones(1), keypoints_3d=positions[None])


def _coordinates(outputs: Tensors, spec: ModelSpec) -> Array:
    """(joints, 3) in float64."""
    name = spec.roles.get("coord")
    if name not in outputs:
        raise InputError(
            f"the decoding of {spec.family} needs the output 'coord' ({name!r}), which is not there; the "
            f"outputs are: {', '.join(outputs) or 'none'}"
        )
    wanted = (1, len(spec.keypoint_names), 3)
    if outputs[name].shape != wanted:
        raise InputError(
            f"coord ({name!r}) is {outputs[name].shape}; the decoding needs {wanted}: one box at a time, and "
            "the joints that the model's description names"
        )
    coordinates: Array = outputs[name][0].astype(np.float64)
    return coordinates


def _cells(spec: ModelSpec) -> int:
    if spec.cells is None:
        raise InputError(
            f"nothing says how many cells along each side the volumes of this {spec.family} have: 32 in "
            "LPSKI, 64 in LPRES and LPWO; write `cells = 64` in a --contract file"
        )
    return spec.cells
