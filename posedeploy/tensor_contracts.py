"""Merge the tensors that a contract describes with those of a model file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from posedeploy.errors import InputError
from posedeploy.quantization import check_quantization
from posedeploy.tensor_tables import DEFAULT_SHAPES, infer_image_layout
from posedeploy.types import Dimension, Layout, ModelSpec, TensorSpec

LAYOUTS: tuple[Layout, ...] = get_args(Layout)


def resolve_input(described: TensorSpec | None, actual: TensorSpec, where: str) -> TensorSpec:
    """Return the first input of the file with the layout and quantization of the contract or of its shape.

    Raises:
        InputError: the file contradicts the contract.
    """
    if described is not None:
        _check_input(described, actual, where)
    layout = (described.layout if described else None) or infer_image_layout(actual.shape)
    if layout is not None and len(actual.shape) != 4:
        layout = None
    return _with_quantization(replace(actual, layout=layout), described, where)


def resolve_outputs(
    described: ModelSpec,
    image: TensorSpec | None,
    outputs: tuple[TensorSpec, ...],
    channels: Mapping[str, int],
    where: str,
) -> tuple[TensorSpec, ...]:
    """Return the outputs of the file with the fields of the contract.

    A missing layout of maps is inferred from their shape, which is that of the input divided by a stride, or
    else from the published number of channels.

    Args:
        image: the resolved input; None for a network that does not take an image.
        channels: the published number of channels of the outputs with a role, by name.

    Raises:
        InputError: the file contradicts the contract, or the layout of an output with a role is ambiguous.
    """
    expected = {spec.name: spec for spec in described.outputs}
    return tuple(
        _resolve_output(expected.get(actual.name), actual, image, channels.get(actual.name), where)
        for actual in outputs
    )


def _resolve_output(
    described: TensorSpec | None,
    actual: TensorSpec,
    image: TensorSpec | None,
    channels: int | None,
    where: str,
) -> TensorSpec:
    if described is not None:
        _check_output(described, actual, where)
    layout = described.layout if described else None
    if layout is None and image is not None and len(actual.shape) == 4:
        layout = _map_layout(actual, image, channels, where)
    stride = described.stride if described else None
    resolved = _with_quantization(replace(actual, layout=layout, stride=stride), described, where)
    _check_stride(resolved, image, where)
    return resolved


def _check_output(described: TensorSpec, actual: TensorSpec, where: str) -> None:
    expected = described.shape or actual.shape
    if described.dtype not in ("float32", actual.dtype) or not _are_compatible(expected, actual.shape):
        shown = replace(described, shape=expected, quantization=None)
        raise InputError(
            f"{where}: the output in the contract is {shown}, and in the file {actual}; correct [outputs], "
            "or remove shape and dtype"
        )
    if described.layout is not None and len(actual.shape) != 4:
        raise InputError(
            f"{where}: layout = {described.layout} in the contract needs an output of 4 axes, and the file "
            f"has {actual}; remove layout"
        )


def _check_input(described: TensorSpec, actual: TensorSpec, where: str) -> None:
    """Check the name, shape and dtype against the file; default values count as missing."""
    default = TensorSpec("data", ())
    if (
        described.name not in (default.name, actual.name)
        or described.dtype not in (default.dtype, actual.dtype)
        or not (described.shape in DEFAULT_SHAPES.values() or _are_compatible(described.shape, actual.shape))
    ):
        raise InputError(
            f"{where}: the input in the contract is {described}, and in the file {actual}; correct [input], "
            "or remove name, shape and dtype"
        )


def _are_compatible(expected: tuple[Dimension, ...], actual: tuple[Dimension, ...]) -> bool:
    """Return whether two shapes agree along every axis that is fixed in both."""
    return len(expected) == len(actual) and all(
        a == b or isinstance(a, str) or isinstance(b, str) for a, b in zip(expected, actual, strict=True)
    )


def _with_quantization(actual: TensorSpec, described: TensorSpec | None, where: str) -> TensorSpec:
    """Return the tensor with the scale and zero point of the contract, which must not contradict the file."""
    expected = described.quantization if described else None
    own = actual.quantization
    if expected is None:
        return actual
    if own is not None and (
        own.zero_point != expected.zero_point or not math.isclose(own.scale, expected.scale, rel_tol=1e-4)
    ):
        raise InputError(
            f"{where}: {actual.name} has {expected} in the contract, and {own} in the file; remove scale and "
            "zero_point"
        )
    resolved = replace(actual, quantization=own or expected)
    check_quantization(resolved, where)
    return resolved


def _map_layout(actual: TensorSpec, image: TensorSpec, channels: int | None, where: str) -> Layout:
    tiling = [layout for layout in LAYOUTS if _tiles(replace(actual, layout=layout), image)]
    matching = [
        layout for layout in tiling or LAYOUTS if channels_of(replace(actual, layout=layout)) == channels
    ]
    if len(tiling) != 1 and len(matching) == 1:
        return matching[0]
    if len(tiling) > 1 and channels is not None and image.layout == "NHWC":
        raise InputError(
            f'{where}: {actual} may have its channels first or last; write layout = "NCHW" or "NHWC" for it '
            "under [outputs] in a `contract` file"
        )
    return tiling[0] if tiling else "NCHW"


def channels_of(maps: TensorSpec) -> Dimension:
    """Return the length of the channel axis of maps of 4 axes, by their layout."""
    return maps.shape[3] if maps.layout == "NHWC" else maps.shape[1]


def _tiles(maps: TensorSpec, image: TensorSpec) -> bool:
    """Return whether maps of this layout cover the image with square cells. With dynamic axes: whether only
    the channels are fixed."""
    channels = channels_of(maps)
    height, width = maps.image_size
    if isinstance(height, str) or isinstance(width, str) or isinstance(channels, str):
        return isinstance(channels, int) and isinstance(height, str) and isinstance(width, str)
    high, wide = image.image_size
    if isinstance(high, str) or isinstance(wide, str):
        return False
    if 0 in (height, width):
        return False
    return high * width == wide * height or _has_stride(maps, image, max(1, round(high / height)))


def _has_stride(maps: TensorSpec, image: TensorSpec, stride: int) -> bool:
    """Return whether the maps have a cell for every ``stride`` pixels, with the last one rounded up or
    down."""
    cells_and_pixels = zip(maps.image_size, image.image_size, strict=True)
    return all(
        isinstance(cells, str) or isinstance(pixels, str) or cells in (pixels // stride, -(-pixels // stride))
        for cells, pixels in cells_and_pixels
    )


def _check_stride(maps: TensorSpec, image: TensorSpec | None, where: str) -> None:
    if maps.stride is None:
        return
    if image is None or len(maps.shape) != 4:
        raise InputError(
            f"{where}: stride in the contract needs maps of an image, and the output is {maps}; remove stride"
        )
    if not _has_stride(maps, image, maps.stride):
        (height, width), (high, wide) = maps.image_size, image.image_size
        raise InputError(
            f"{where}: the stride of {maps.name} is {maps.stride} in the contract, and the file has "
            f"{width}x{height} cells for an input of {wide}x{high} px; correct stride, or remove it"
        )
