"""Read tensors, operators and their delegation from an interpreter of LiteRT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posedeploy.layer_counts import Counts, count, details_of
from posedeploy.quantization import INTEGERS
from posedeploy.types import Quantization

PRECISIONS = {"float32": "fp32", "float16": "fp16", "int8": "int8", "uint8": "int8", "int16": "int16"}
LAYERS = {
    "CONV_2D": "convolutions",
    "DEPTHWISE_CONV_2D": "depthwise convolutions",
    "TRANSPOSE_CONV": "transposed convolutions",
    "FULLY_CONNECTED": "matrix products",
    "BATCH_MATMUL": "matrix products",
}
"""The operators that determine the precision of a network, with their classes in reports. The second input of
each is its weights."""
DATA = {"TRANSPOSE_CONV": 2}
"""The position of the input that a layer computes from, if it is not the first."""
ACTIVATIONS = {"float32": "dynamic", "int16": "16-bit activations"}
"""The text that reports add to the precision of INT8 weights, by the dtype of the activations."""
DELEGATE = "DELEGATE"


@dataclass(frozen=True)
class Operators:
    """The operators of a file.

    undelegated: the number of those that LiteRT's own kernels run, by name; the delegate runs the others.
    weights: the dtypes of the weights. layers: the precisions of the layers with weights, by class of layers.
    """

    count: int
    undelegated: Mapping[str, int]
    weights: frozenset[str]
    layers: Counts = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, str]:
        """The layers and the delegation, for ``RuntimeInfo.details``."""
        undelegated = sum(self.undelegated.values())
        details = details_of(self.layers)
        details["XNNPACK"] = f"{self.count - undelegated} of {self.count} operators"
        if self.undelegated:
            details["not delegated"] = ", ".join(
                f"{count} {name}" for name, count in sorted(self.undelegated.items())
            )
        return details


def tensors_of(interpreter: Any) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the inputs and the outputs by name, in the order of the file.

    The names are those of the signature or, without exactly one signature, of the tensors.
    """
    input_details, output_details = interpreter.get_input_details(), interpreter.get_output_details()
    if len(interpreter.get_signature_list()) != 1:
        return {each["name"]: each for each in input_details}, {each["name"]: each for each in output_details}
    runner = interpreter.get_signature_runner()
    return _name_tensors(runner.get_input_details(), input_details), _name_tensors(
        runner.get_output_details(), output_details
    )


def _name_tensors(
    named: Mapping[str, dict[str, Any]], ordered: Iterable[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    positions = {int(each["index"]): number for number, each in enumerate(ordered)}
    return dict(sorted(named.items(), key=lambda item: positions[int(item[1]["index"])]))


def quantization_of(details: Mapping[str, Any]) -> Quantization | None:
    """Return the scale and zero point of an integer tensor; None if it has none, or one per channel, as
    weights have."""
    parameters = details["quantization_parameters"]
    if len(parameters["scales"]) != 1 or np.dtype(details["dtype"]).name not in INTEGERS:
        return None
    return Quantization(float(parameters["scales"][0]), int(parameters["zero_points"][0]))


def operators_of(interpreter: Any) -> Operators:
    """Return the operators of the file, and which of them no delegate runs."""
    nodes = interpreter._get_ops_details()  # no public function returns this
    originals = [node for node in nodes if node["op_name"] != DELEGATE]
    delegates = [node for node in nodes if node["op_name"] == DELEGATE]
    producers = {int(out): node for node in (*originals, *delegates) for out in node["outputs"]}
    tensors = [int(each["index"]) for each in interpreter.get_output_details()]
    visited: dict[int, Any] = {}
    while tensors:
        node = producers.get(tensors.pop())
        if node is not None and node["index"] not in visited:
            visited[node["index"]] = node
            tensors += [int(index) for index in node["inputs"]]
    undelegated = Counter(node["op_name"] for node in visited.values() if node["op_name"] != DELEGATE)
    layers = [node for node in originals if node["op_name"] in LAYERS]
    weights = {node["operand_types"][1].__name__ for node in layers}
    counts = count((LAYERS[node["op_name"]], _layer_precision(node)) for node in layers)
    return Operators(len(originals), dict(undelegated), frozenset(weights), counts)


def _layer_precision(node: Mapping[str, Any]) -> str:
    """Return the precision of a layer: of its weights, with its activations if those differ."""
    types = [each.__name__ for each in node["operand_types"]]
    data, weights = types[DATA.get(node["op_name"], 0)], types[1]
    name = PRECISIONS.get(weights, weights)
    return name if data == weights or data not in ACTIVATIONS else f"{name} ({ACTIVATIONS[data]})"


def precision_of(operators: Operators, input_dtype: str = "float32") -> str:
    """Return the precision of the weights, such as ``fp32``, ``int8`` or ``fp32+int8``; without weights, that
    of the input."""
    kinds = operators.weights or {input_dtype}
    return "+".join(sorted({PRECISIONS.get(name, name) for name in kinds}))
