"""Shared by the decoders of networks on a person's box: preprocessing, keypoints, positions, poses."""

from __future__ import annotations

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_sets import by_number
from posedeploy.types import Array, InputContract, ModelSpec, Placement, Poses, Tensors

# ImageNet's mean and std, and the box of MMPose.
CONTRACT = InputContract(
    height=256, width=192, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), color_order="RGB",
    fit="affine", margin=1.25,
)  # fmt: skip
JOINT_SETS = by_number("coco-17", "mpii", "mano", "halpe26", "mediapipe33", "wholebody133")
"""The keypoint sets, one for each number of keypoints, unless the contract describes others."""


def describe_unknown_keypoints(spec: ModelSpec) -> str | None:
    """Return the message about a network whose number of keypoints is unknown; None if they are known."""
    if spec.keypoint_names:
        return None
    outputs = ", ".join(map(str, spec.outputs)) or "unknown"
    return (
        f"the number of keypoints of this {spec.family} network is unknown from its outputs {outputs}; "
        'write keypoint_set = "coco-17", or keypoint_names, in a `contract` file'
    )


def select_output(outputs: Tensors, spec: ModelSpec, role: str) -> Array:
    """Return the output with a role.

    Raises:
        InputError: no output has the role, or the keypoints of the network are unknown.
    """
    if missing := describe_unknown_keypoints(spec):
        raise InputError(missing)
    name = spec.roles.get(role)
    if name not in outputs:
        raise InputError(
            f"no output {name!r} for {role!r}, which {spec.family} needs; the outputs are: "
            f"{', '.join(outputs) or 'none'}"
        )
    return outputs[name]


def in_image(fractions: Array, spec: ModelSpec, placement: Placement) -> Array:
    """Return (…, 2) x, y in px of the image, from fractions of the width and height of the crop.

    With UDP, 0 and 1 are the centers of the outermost pixels of the input; otherwise its edges.
    """
    udp = spec.contract is not None and spec.contract.fit == "affine-udp"
    return placement.to_image(fractions * (np.array(placement.input_size) - udp))


def to_poses(pixels: Array, scores: Array, is_found: Array) -> Poses:
    """Return one person from (keypoints, 2) px, (keypoints,) scores and whether each keypoint is present.

    The person's score is the mean of those of the present keypoints. Without any, no person is returned.
    """
    keypoints = np.concatenate([pixels, scores[:, None]], axis=1).astype(np.float64)
    keypoints[~is_found] = -1
    if not is_found.any():
        return Poses(np.zeros((0, len(scores), 3)), np.zeros(0))
    return Poses(keypoints[None], scores[is_found].mean(keepdims=True).astype(np.float64))
