"""Convert joints to px: normalized joints are scaled, and people outside every image left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.predict.joint_files.joint_content import JointsContent, JointsFrame
from posedeploy.types import Array

MAX_NORMALIZED = 1.5
"""Nearly all joints in px are above this value, and nearly all normalized ones below."""
MIN_NORMALIZED = -0.25
"""Joints normalized to 0..1 may lie slightly outside the image; lower values are normalized otherwise."""
MAX_REACH = 8192
"""Maximum coordinate of a joint in px."""


def scale_to_pixels(content: JointsContent, source: str, image_size: tuple[int, int] | None) -> JointsContent:
    """Return the content in px, without people beyond ``MAX_REACH``.

    Args:
        image_size: (height, width) by which x and y from 0 to 1 are scaled.

    Raises:
        InputError: the joints are normalized and ``image_size`` is None, or nobody is within ``MAX_REACH``.
    """
    everyone = content.people
    visible = everyone[everyone[..., 2] >= 0][:, :2]
    if are_normalized(visible):
        content = _scale(content, visible, source, image_size)
    kept = replace(content, frames=tuple(_within(frame) for frame in content.frames))
    far = [
        f"{source}: {person.label}{_frame_suffix(frame, source)} is left out: a coordinate is "
        f"{_reach(person.joints):g}; expected px of an image, at most {MAX_REACH}"
        for frame in content.frames
        for person in frame.people
        if _reach(person.joints) > MAX_REACH
    ]
    if far and not len(kept.people):
        raise InputError(far[0])
    return replace(kept, remarks=(*content.remarks, *far))


def are_normalized(points: Array) -> bool:
    """Return whether (points, 2) x and y are fractions of an image's sides, not px."""
    return len(points) > 0 and bool(np.quantile(np.abs(points), 0.99) <= MAX_NORMALIZED)


def _scale(
    content: JointsContent, visible: Array, source: str, image_size: tuple[int, int] | None
) -> JointsContent:
    low, high = visible.min(), visible.max()
    if low < MIN_NORMALIZED:
        raise InputError(
            f"{source}: x and y are from {low:.3g} to {high:.3g}, so they are normalized around the image's "
            "center; expected px. For joints normalized as in VideoPose3D, x px is (x + 1) * width / 2, and "
            "y px is y * width / 2 + height / 2"
        )
    if image_size is None:
        raise InputError(
            f"{source}: x and y are from {low:.3g} to {high:.3g}, so they are normalized; expected px; add "
            "`image_size=HxW`, the height and width of the image, to scale them"
        )
    scale = np.array([image_size[1], image_size[0], 1.0])
    scaled = tuple(
        replace(frame, people=tuple(replace(each, joints=each.joints * scale) for each in frame.people))
        for frame in content.frames
    )
    return replace(content, frames=scaled)


def _within(frame: JointsFrame) -> JointsFrame:
    return replace(frame, people=tuple(each for each in frame.people if _reach(each.joints) <= MAX_REACH))


def _reach(joints: Array) -> float:
    return float(np.abs(joints[:, :2]).max())


def _frame_suffix(frame: JointsFrame, source: str) -> str:
    if frame.name == source and frame.number is None:
        return ""
    return f" of {frame.name} {frame.number or ''}".rstrip()
