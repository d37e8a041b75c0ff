"""The optimization profile of an engine: the range of each dynamic input's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from posedeploy.errors import ExportError
from posedeploy.tensorrt.build_info import ShapeRange
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import TensorSpec

ShapeOptions: TypeAlias = Mapping[str, Mapping[str, tuple[int, ...]]]
"""For each option, the shapes by the name of their input."""


def shape_profile(inputs: tuple[TensorSpec, ...], options: TensorRtOptions) -> dict[str, ShapeRange]:
    """Return the range of every dynamic input, by its name.

    Raises:
        ExportError: a shape is missing, or does not fit the input.
    """
    dynamic = {tensor.name: tensor for tensor in inputs if tensor.is_dynamic}
    shape_options = {
        "`min_shapes`": options.min_shapes,
        "`opt_shapes`": options.opt_shapes,
        "`max_shapes`": options.max_shapes,
    }
    if not dynamic:
        if unused := [option for option, shapes in shape_options.items() if shapes]:
            raise ExportError(
                f"{' and '.join(unused)}: no input has dynamic axes; pass `dynamic` too, or leave them out"
            )
        return {}
    if any(not shapes for shapes in shape_options.values()):
        raise ExportError(
            "`dynamic`: TensorRT tunes an engine for a range of shapes; pass `min_shapes`, `opt_shapes` and "
            f"`max_shapes` for {', '.join(map(str, dynamic.values()))}"
        )
    _check_names(shape_options, dynamic)
    return {name: _range(tensor, shape_options) for name, tensor in dynamic.items()}


def _check_names(shape_options: ShapeOptions, dynamic: Mapping[str, TensorSpec]) -> None:
    """Raise an error for a shape of an input that does not exist or has no dynamic axes."""
    for option, shapes in shape_options.items():
        for name in shapes:
            if name not in dynamic and (name or len(dynamic) > 1):
                raise ExportError(
                    f"{option} {name or 'without a name'}: the inputs with dynamic axes are "
                    f"{', '.join(dynamic)}; write NAME:SHAPE, separated by commas"
                )


def _range(tensor: TensorSpec, shape_options: ShapeOptions) -> ShapeRange:
    chosen = []
    for option, shapes in shape_options.items():
        shape = shapes.get(tensor.name) or shapes.get("")
        if shape is None or not tensor.accepts(shape) or min(shape) < 1:
            value = "x".join(map(str, shape)) + " does not fit" if shape else "no shape for"
            raise ExportError(f"{option}: {value} the input {tensor}; pass a shape that fits")
        chosen.append(shape)
    for low, middle, high in zip(*chosen, strict=True):
        if not low <= middle <= high:
            raise ExportError(
                f"{', '.join(shape_options)} of {tensor.name}: expected min <= opt <= max on every axis, got "
                f"{low}, {middle}, {high}"
            )
    return ShapeRange(*chosen)
