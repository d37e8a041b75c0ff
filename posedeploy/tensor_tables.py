"""The tables of a contract that describe one tensor: ``[input]`` and those under ``[outputs]``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from posedeploy.errors import InputError
from posedeploy.types import Dimension, FloatDtype, IntegerDtype, Layout, Quantization, TensorSpec

DEFAULT_SHAPES: Mapping[Layout, tuple[Dimension, ...]] = {
    "NCHW": ("batch", 3, "height", "width"),
    "NHWC": ("batch", "height", "width", 3),
}
"""The default shape of an image input."""
_Stride: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]


class TensorTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The common fields of ``[input]`` and the tables under ``[outputs]``."""

    name: str | None = None
    shape: tuple[Dimension, ...] | None = None
    dtype: FloatDtype | IntegerDtype = "float32"
    layout: Layout | None = None
    scale: float | None = None
    zero_point: int | None = None

    def quantization(self, where: str) -> Quantization | None:
        """Return the scale and zero point; None if the table has none.

        Raises:
            InputError: the scale is not above 0, or there is a zero point without a scale.
        """
        if self.scale is None:
            if self.zero_point is not None:
                raise InputError(f"{where} has zero_point without scale; write both or neither")
            return None
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise InputError(f"{where}: scale is {self.scale:g}; expected a finite number above 0")
        return Quantization(self.scale, self.zero_point or 0)


class OutputTable(TensorTable, frozen=True, kw_only=True):
    """A table under ``[outputs]``. The default of ``name`` is the role."""

    stride: _Stride | None = None


def describe_outputs(where: str, tables: Mapping[str, str | OutputTable]) -> dict[str, TensorSpec]:
    """Return the outputs by role, in the order of the file; missing shapes are ().

    Raises:
        InputError: two outputs have different strides, or a scale is invalid.
    """
    outputs: dict[str, TensorSpec] = {}
    for role, entry in tables.items():
        table = OutputTable(name=entry) if isinstance(entry, str) else entry
        outputs[role] = TensorSpec(
            table.name or role,
            table.shape or (),
            table.dtype,
            table.layout,
            table.quantization(f"{where}: [outputs.{role}]"),
            table.stride,
        )
    strides = {role: spec.stride for role, spec in outputs.items() if spec.stride is not None}
    if len(set(strides.values())) > 1:
        listed = ", ".join(f"{role} {stride}" for role, stride in strides.items())
        raise InputError(f"{where}: [outputs] has the strides {listed}; use one stride for all maps")
    return outputs


def infer_image_layout(shape: tuple[Dimension, ...]) -> Layout | None:
    """Return the layout of an image input: NHWC only if no other axis can be the channels; None without 4
    axes."""
    if len(shape) != 4:
        return None
    return "NHWC" if shape[3] == 3 and shape[1] != 3 else "NCHW"
