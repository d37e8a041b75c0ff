"""What LiteRT's interpreter tells of a file that it has loaded: tensors, operators, and who runs these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from posedeploy.quantization import INTEGERS
from posedeploy.types import Quantization

PRECISIONS = {"float32": "fp32", "float16": "fp16", "int8": "int8", "uint8": "int8", "int16": "int16"}
MULTIPLYING = {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL"}
"""The operators whose precision is that of the network; each has its weights second."""
DELEGATE = "DELEGATE"


@dataclass(frozen=True)
class Operators:
    """The operators of a file. ``here``: those that LiteRT's own kernels run, by name and how often; the
    delegate runs the others. ``weights``: the types of those that multiply."""

    count: int
    here: Mapping[str, int]
    weights: frozenset[str]

    @property
    def summary(self) -> dict[str, str]:
        """What is delegated, in words."""
        kept = sum(self.here.values())
        words = {"XNNPACK": f"{self.count - kept} of {self.count} operators"}
        if self.here:
            words["not delegated"] = ", ".join(f"{count} {name}" for name, count in sorted(self.here.items()))
        return words


def tensors_of(interpreter: Any) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The inputs and the outputs, in the file's order, by the names of its signature, or, where it has none
    or several, by the tensors' own."""
    entering, leaving = interpreter.get_input_details(), interpreter.get_output_details()
    if len(interpreter.get_signature_list()) != 1:
        return {each["name"]: each for each in entering}, {each["name"]: each for each in leaving}
    runner = interpreter.get_signature_runner()
    return _named(runner.get_input_details(), entering), _named(runner.get_output_details(), leaving)


def _named(
    named: Mapping[str, dict[str, Any]], ordered: Iterable[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    place = {int(each["index"]): number for number, each in enumerate(ordered)}
    return dict(sorted(named.items(), key=lambda item: place[int(item[1]["index"])]))


def quantization_of(details: Mapping[str, Any]) -> Quantization | None:
    """The scale and zero point that the file gives a tensor of integers; None where it gives none, or one for
    each channel, as weights have them."""
    parameters = details["quantization_parameters"]
    if len(parameters["scales"]) != 1 or np.dtype(details["dtype"]).name not in INTEGERS:
        return None
    return Quantization(float(parameters["scales"][0]), int(parameters["zero_points"][0]))


def operators_of(interpreter: Any) -> Operators:
    """What the interpreter runs: the operators as the file has them, and those that no delegate took over."""
    nodes = interpreter._get_ops_details()  # not public, and nothing public tells it
    originals = [node for node in nodes if node["op_name"] != DELEGATE]
    delegates = [node for node in nodes if node["op_name"] == DELEGATE]
    maker = {int(out): node for node in (*originals, *delegates) for out in node["outputs"]}
    wanted = [int(each["index"]) for each in interpreter.get_output_details()]
    seen: dict[int, Any] = {}
    while wanted:
        node = maker.get(wanted.pop())
        if node is not None and node["index"] not in seen:
            seen[node["index"]] = node
            wanted += [int(index) for index in node["inputs"]]
    here = Counter(node["op_name"] for node in seen.values() if node["op_name"] != DELEGATE)
    weights = {node["operand_types"][1].__name__ for node in originals if node["op_name"] in MULTIPLYING}
    return Operators(len(originals), dict(here), frozenset(weights))


def precision_of(operators: Operators, input_dtype: str = "float32") -> str:
    """What the operators that multiply run in, such as ``fp32``, ``int8`` or ``fp32+int8``; the input's type
    where there are none."""
    kinds = operators.weights or {input_dtype}
    return "+".join(sorted({PRECISIONS.get(name, name) for name in kinds}))
