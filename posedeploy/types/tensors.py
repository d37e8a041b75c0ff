"""Arrays, and the tensors that networks take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
StrPath: TypeAlias = str | PathLike[str]
Tensors: TypeAlias = dict[str, Array]
"""Arrays by tensor name."""
Ranges: TypeAlias = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
"""The min and max shape of each input, by name."""
Layout: TypeAlias = Literal["NCHW", "NHWC"]
IntegerDtype: TypeAlias = Literal["uint8", "int8", "uint16", "int16"]
"""The dtypes of quantized tensors."""
FloatDtype: TypeAlias = Literal["float32", "float16"]
TO_CHANNELS_LAST, TO_CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
"""The permutations of axes from NCHW to NHWC and back."""
Dimension: TypeAlias = int | str
"""The length of an axis, or the name of a dynamic axis."""
DATA_DEPENDENT = "data_dependent"
"""The name of an axis of an output whose length depends on the values of the input, such as the number of
people, and not on its shape."""


@dataclass(frozen=True)
class Quantization:
    """The parameters of a quantized tensor: ``real = (integer - zero_point) * scale``."""

    scale: float
    zero_point: int = 0

    def __str__(self) -> str:
        return f"scale {self.scale:.6g}, zero point {self.zero_point}"


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a network.

    dtype: NumPy's name. layout: the order of the axes of images and maps. quantization: None for floats, for
    raw bytes, and where it is unknown. stride: input pixels per cell of an output map; None where it follows
    from the shapes.
    """

    name: str
    shape: tuple[Dimension, ...]
    dtype: str = "float32"
    layout: Layout | None = None
    quantization: Quantization | None = None
    stride: int | None = None

    @property
    def is_dynamic(self) -> bool:
        """Whether any axis is dynamic."""
        return any(isinstance(length, str) for length in self.shape)

    @property
    def image_size(self) -> tuple[Dimension, Dimension]:
        """(height, width) of an image in this tensor; without a layout, the axes are NCHW."""
        height, width = self.shape[1:3] if self.layout == "NHWC" else self.shape[2:4]
        return height, width

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Return whether an array of this shape fits: the rank and every fixed axis must be equal."""
        return len(shape) == len(self.shape) and all(
            isinstance(own, str) or own == other for own, other in zip(self.shape, shape, strict=True)
        )

    def fixed(self, lengths: Mapping[str, int]) -> TensorSpec:
        """Return the tensor with dynamic axes set by name; ``height/8`` is set to an eighth of ``height``."""
        return replace(self, shape=tuple(_length(axis, lengths) for axis in self.shape))

    def __str__(self) -> str:
        shape = "x".join(str(length) for length in self.shape)
        text = f"{self.name} {self.dtype} {shape}" + (f" {self.layout}" if self.layout else "")
        return text + (f" ({self.quantization})" if self.quantization else "")


def _length(axis: Dimension, lengths: Mapping[str, int]) -> Dimension:
    if isinstance(axis, int):
        return axis
    name, _, ratio = axis.partition("/")
    return lengths[name] // int(ratio or 1) if name in lengths else axis
