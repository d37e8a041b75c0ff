"""The precision of the layers of a TensorRT network before the build: in a strongly typed network, that of
the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posedeploy.layer_counts import CONVOLUTIONS, PRODUCTS, TRANSPOSED, count

LAYERS: Mapping[str, str] = {
    "CONVOLUTION": CONVOLUTIONS,
    "DECONVOLUTION": TRANSPOSED,
    "MATRIX_MULTIPLY": PRODUCTS,
}
"""The layer types that determine the precision of a network, with their classes in reports."""
NAMES: Mapping[str, str] = {"FLOAT": "fp32", "HALF": "fp16", "BF16": "bf16"}
"""posedeploy's names of precisions by TensorRT's."""


def count_layers(network: Any) -> dict[str, dict[str, int]]:
    """Return the number of layers of a parsed network by class and precision, that of their inputs."""
    layers = (network.get_layer(index) for index in range(network.num_layers))
    counts = count(
        (LAYERS[layer.type.name], NAMES.get(dtype := layer.get_input(0).dtype.name, dtype.lower()))
        for layer in layers
        if layer.type.name in LAYERS
    )
    return {kind: dict(numbers) for kind, numbers in counts.items()}
