"""Selection of a network's output maps by role, their stride and their upsampling."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, ModelSpec, Placement, Tensors

UPSAMPLE = 4
"""Upsampling factor of maps before keypoints are read, as published."""

CHANNELS_LAST = '; where its channels are last, write layout = "NHWC" under [outputs] in a `contract` file'


def maps_of(outputs: Tensors, spec: ModelSpec, channels: Mapping[str, int]) -> list[Array]:
    """Return the outputs with these roles and numbers of channels, each (channels, h, w) float32.

    Raises:
        InputError: a role has no output, or its batch, channels or size do not fit the decoding.
    """
    maps = [_map_of(outputs, spec, role, number) for role, number in channels.items()]
    sizes = {role: f"{array.shape[2]}x{array.shape[1]}" for role, array in zip(channels, maps, strict=True)}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{role} {size}" for role, size in sizes.items())
        raise InputError(f"the maps have different sizes: {listed} cells; expected the same size")
    return maps


def _map_of(outputs: Tensors, spec: ModelSpec, role: str, channels: int) -> Array:
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


def stride_of(maps: Array, placement: Placement, described: int | None = None) -> float:
    """Pixels of the network's input per cell of (channels, h, w) maps.

    Args:
        described: the stride that the spec gives. The last cell along an axis may then reach beyond the
            input, as in networks of 257x257 px.

    Raises:
        InputError: the maps are not those of an input of this size.
    """
    height, width = maps.shape[1:]
    input_width, input_height = placement.input_size
    if described is not None:
        sizes = ((width, input_width), (height, input_height))
        if all(cells in (pixels // described, -(-pixels // described)) for cells, pixels in sizes):
            return float(described)
        raise InputError(
            f"maps of {width}x{height} cells do not belong to an input of {input_width}x{input_height} px at "
            f"the stride {described} of the model's description; correct stride, or leave it out"
        )
    stride: float = input_width / width
    if height * stride != input_height:
        raise InputError(
            f"maps of {width}x{height} cells do not belong to an input of {input_width}x{input_height} px: "
            f"its width says {stride:g} px a cell and its height {input_height / height:g}; where the last "
            "cell reaches beyond the input, write stride under [outputs] in a `contract` file"
        )
    return stride


def upsampled(maps: Array, interpolation: int) -> Array:
    """(4h, 4w, channels) of (channels, h, w).

    Channels go last because OpenCV then rounds as the published code does; plane by plane it does not, to the
    last bit, and which of two equal neighbors is a peak hangs on that.
    """
    enlarged: Array = cv2.resize(
        np.ascontiguousarray(maps.transpose(1, 2, 0)),
        None,
        fx=UPSAMPLE,
        fy=UPSAMPLE,
        interpolation=interpolation,
    )
    return enlarged
