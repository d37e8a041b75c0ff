"""The layers of a network by class and precision: as text, and as recorded in a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from posedeploy.errors import ManifestError
from posedeploy.text_files import convert
from posedeploy.types import LAYERS, Artifact

Counts: TypeAlias = Mapping[str, Mapping[str, int]]
"""The number of layers by class and precision."""
CONVOLUTIONS, TRANSPOSED, PRODUCTS = "convolutions", "transposed convolutions", "matrix products"
TORCH_LAYERS: Mapping[str, str] = {
    **dict.fromkeys(("_convolution", "convolution", "conv1d", "conv2d", "conv3d"), CONVOLUTIONS),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), TRANSPOSED),
    **dict.fromkeys(("linear", "matmul", "mm", "bmm", "addmm", "baddbmm"), PRODUCTS),
}
"""PyTorch's operators that compute a layer, with their class."""
TORCH_PRECISIONS: Mapping[str, str] = {
    "float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64", "qint8": "int8",
}  # fmt: skip
"""posedeploy's names of precisions by PyTorch's names of dtypes."""


def count(layers: Iterable[tuple[str, str]]) -> dict[str, Counter[str]]:
    """Return the number of layers from the class and the precision of each."""
    counts: dict[str, Counter[str]] = {}
    for kind, precision in layers:
        counts.setdefault(kind, Counter())[precision] += 1
    return counts


def torch_precision(dtype: object) -> str:
    """Return posedeploy's name of a dtype of PyTorch."""
    name = str(dtype).rpartition(".")[2]
    return TORCH_PRECISIONS.get(name, name)


def in_tf32(counts: Counts) -> Counts:
    """Return the layers of a network whose FP32 layers run in TF32."""
    return {
        kind: Counter({"tf32" if name == "fp32" else name: number for name, number in numbers.items()})
        for kind, numbers in counts.items()
    }


def summary(counts: Counts) -> str:
    """Return the precisions in one name, such as ``fp32`` or ``fp32+int8``; empty if unknown."""
    return "+".join(sorted({name for numbers in counts.values() for name in numbers}))


def layers_line(counts: Counts) -> str:
    """Return the layers as text: ``convolutions: 61 int8, 3 bf16``; empty if unknown."""
    return "; ".join(
        f"{kind}: {', '.join(f'{number} {name}' for name, number in Counter(numbers).most_common())}"
        for kind, numbers in counts.items()
    )


def details_of(counts: Counts) -> dict[str, str]:
    """Return the layers for ``RuntimeInfo.details``; empty if unknown."""
    line = layers_line(counts)
    return {LAYERS: line} if line else {}


def recorded_layers(artifact: Artifact) -> Counts:
    """Return the layers that the manifest of an artifact records; empty if it does not.

    Raises:
        ManifestError: the record is not a number of layers by class and precision.
    """
    try:
        return convert(artifact.details.get(LAYERS, {}), dict[str, dict[str, int]])
    except msgspec.ValidationError as error:
        raise ManifestError(
            f"{artifact.path}: {LAYERS} in its manifest is not a number of layers by class and precision "
            f"({error}); export it again"
        ) from error
