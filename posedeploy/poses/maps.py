"""Select a network's output maps by role, their stride and their upsampling."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, ModelSpec, Placement, Tensors

UPSAMPLE = 4
"""Upsampling factor of maps before keypoints are read, as published."""

REACH = 2
"""Cells on each side of a cell from which cubic interpolation computes its upsampled values."""
MAX_GAIN = np.float32(1.83)
"""The absolute weights of cubic interpolation sum up to at most 1.352 along an axis. So no upsampled value
exceeds the square of this times the highest value that it is computed from."""
MIN_CHANNELS = 5
"""OpenCV resizes maps of up to four channels by other code, whose last bit depends on the size of the map."""
Crop = tuple[int, int, int, int]
"""Top, bottom, left and right of a part of a map, in cells."""

CHANNELS_LAST = '; if its channels are last, write layout = "NHWC" under [outputs] in a `contract` file'


def select_maps(outputs: Tensors, spec: ModelSpec, channels: Mapping[str, int]) -> list[Array]:
    """Return the outputs with these roles and numbers of channels, each (channels, h, w) float32.

    Raises:
        InputError: a role has no output, or its batch, channels or size do not fit the decoding.
    """
    maps = [_select_map(outputs, spec, role, number) for role, number in channels.items()]
    sizes = {role: f"{array.shape[2]}x{array.shape[1]}" for role, array in zip(channels, maps, strict=True)}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{role} {size}" for role, size in sizes.items())
        raise InputError(f"the maps have different sizes: {listed} cells; expected the same size")
    return maps


def _select_map(outputs: Tensors, spec: ModelSpec, role: str, channels: int) -> Array:
    name = spec.roles.get(role)
    if name is None:
        roles = ", ".join(f"{known} = {output}" for known, output in spec.roles.items()) or "none"
        raise InputError(f"no output for {role!r}, which {spec.family} needs; the roles are: {roles}")
    if name not in outputs:
        names = ", ".join(outputs) or "none"
        raise InputError(f"no output {name!r} for {role!r}; the outputs are: {names}")
    array = outputs[name]
    if array.ndim != 4 or array.shape[1] != channels:
        raise InputError(
            f"{role} ({name!r}) has shape {array.shape}; expected (1, {channels}, height, width)"
            + (CHANNELS_LAST if array.ndim == 4 and array.shape[3] == channels else "")
        )
    if array.shape[0] != 1:
        raise InputError(
            f"{role} ({name!r}) has {array.shape[0]} images; decode them one at a time, as [i : i + 1]"
        )
    maps: Array = array[0].astype(np.float32, copy=False)
    return maps


def find_stride(maps: Array, placement: Placement, described: int | None = None) -> float:
    """Return the pixels of the network's input per cell of (channels, h, w) maps.

    Args:
        described: the stride in the spec. The last cell along an axis may then extend beyond the input, as
            in networks of 257x257 px.

    Raises:
        InputError: the size of the maps does not match that of the input.
    """
    height, width = maps.shape[1:]
    input_width, input_height = placement.input_size
    if described is not None:
        sizes = ((width, input_width), (height, input_height))
        if all(cells in (pixels // described, -(-pixels // described)) for cells, pixels in sizes):
            return float(described)
        raise InputError(
            f"maps of {width}x{height} cells do not match an input of {input_width}x{input_height} px at "
            f"the stride {described} of the model's description; correct stride, or leave it out"
        )
    stride: float = input_width / width
    if height * stride != input_height:
        raise InputError(
            f"maps of {width}x{height} cells do not match an input of {input_width}x{input_height} px: "
            f"{stride:g} px per cell in width, but {input_height / height:g} in height; if the last cell "
            "extends beyond the input, write stride under [outputs] in a `contract` file"
        )
    return stride


def find_highest(maps: Array) -> Array:
    """Return (keypoints, 2) int64 x, y of the highest cell of each (keypoints, h, w) map; the first of equal
    ones."""
    y, x = np.divmod(maps.reshape(len(maps), -1).argmax(axis=1), maps.shape[2])
    return np.stack([x, y], axis=1)


def upsample(maps: Array, interpolation: int) -> Array:
    """Upsample (channels, h, w) maps to (4h, 4w, channels).

    With the channels last, OpenCV rounds exactly as in the published code. Resizing channel by channel
    differs in the last bit, which can change which of two equal neighbors is a peak.
    """
    enlarged: Array = cv2.resize(
        np.ascontiguousarray(maps.transpose(1, 2, 0)),
        None,
        fx=UPSAMPLE,
        fy=UPSAMPLE,
        interpolation=interpolation,
    )
    return enlarged.reshape(*enlarged.shape[:2], len(maps))  # OpenCV drops a single channel


def find_runs(is_set: Array, gap: int) -> list[tuple[int, int]]:
    """Return the begin and end of each run of set (n,) flags, joined across at most ``gap`` others."""
    at = np.flatnonzero(is_set)
    if not len(at):
        return []
    breaks = np.flatnonzero(np.diff(at) > gap + 1)
    begins = at[np.concatenate([[0], breaks + 1])].tolist()
    ends = at[np.concatenate([breaks, [len(at) - 1]])].tolist()
    return [(begin, end + 1) for begin, end in zip(begins, ends, strict=True)]


def widen(crop: Crop, border: int, size: tuple[int, int]) -> Crop:
    """Return the crop with a border, inside a map of (height, width)."""
    top, bottom, left, right = crop
    return (
        max(0, top - border),
        min(size[0], bottom + border),
        max(0, left - border),
        min(size[1], right + border),
    )
