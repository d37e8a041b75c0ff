"""The operators of a TFLite file, and the tensors that they read and write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from posedeploy.convert.graph_view import GraphView, OperatorView
from posedeploy.errors import ExportError

BUILTINS: Mapping[int, str] = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}
CODES: Mapping[str, int] = {name: code for code, name in BUILTINS.items()}
DEPTHWISE = "DEPTHWISE_CONV_2D"
LAYERS = frozenset({"CONV_2D", DEPTHWISE, "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL"})
"""The operators that multiply by weights or by another result."""
TYPES = {
    "CONV_2D": "Convolution", DEPTHWISE: "GroupConvolution", "TRANSPOSE_CONV": "ConvolutionBackpropData",
    "FULLY_CONNECTED": "MatMul", "BATCH_MATMUL": "MatMul", "SOFTMAX": "Softmax", "LOG_SOFTMAX": "Softmax",
    "CONCATENATION": "Concat", "EXPAND_DIMS": "Unsqueeze", "RESHAPE": "Reshape", "SLICE": "Slice",
    "SPLIT": "Split", "SPLIT_V": "VariadicSplit", "SQUEEZE": "Squeeze", "STRIDED_SLICE": "Slice",
    "TRANSPOSE": "Transpose", "MUL": "Multiply", "SUM": "ReduceSum", "MEAN": "ReduceMean",
}  # fmt: skip
"""OpenVINO's types of operators, by those of TFLite, of all that the rules of ``float_layers`` read."""


@dataclass(frozen=True)
class Operator:
    """An operator of a graph.

    index: its position. kind: the name of its builtin code. names: the names of its outputs. inputs: the
    tensors that it computes from, without constants. outputs: the tensors that it writes. is_weighted: it
    also reads a constant.
    """

    index: int
    kind: str
    names: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    is_weighted: bool

    @property
    def scope(self) -> str:
        """The name of the operator in the recipes of ai-edge-quantizer."""
        return "".join(f"{name};" for name in self.names)


class Graph:
    """The only graph of a file.

    model: the file as ``ModelT`` of the schema.
    """

    def __init__(self, model: Any) -> None:
        if len(model.subgraphs) != 1:
            raise ExportError(
                f"the file has {len(model.subgraphs)} graphs, so it has control flow, which cannot be "
                "quantized; use `precision=fp32`"
            )
        self.model = model
        self.tensors = model.subgraphs[0].tensors
        self.outputs = frozenset(map(int, model.subgraphs[0].outputs))
        self.operators = tuple(map(self._operator, range(len(model.subgraphs[0].operators))))

    def name_of(self, tensor: int) -> str:
        """Return the name of a tensor."""
        name: bytes | str = self.tensors[tensor].name
        return name.decode() if isinstance(name, bytes) else name

    def shape_of(self, tensor: int) -> list[int]:
        """Return the shape of a tensor."""
        return [int(length) for length in self.tensors[tensor].shape]

    def is_constant(self, tensor: int) -> bool:
        """Return whether the file contains the values of a tensor."""
        data = self.model.buffers[self.tensors[tensor].buffer].data
        return data is not None and len(data) > 0

    @cached_property
    def producers(self) -> Mapping[int, Operator]:
        """The operator that writes each tensor."""
        return {tensor: operator for operator in self.operators for tensor in operator.outputs}

    @cached_property
    def consumers(self) -> Mapping[int, tuple[Operator, ...]]:
        """The operators that read each tensor."""
        readers: dict[int, tuple[Operator, ...]] = {}
        for operator in self.operators:
            for tensor in dict.fromkeys(operator.inputs):
                readers[tensor] = (*readers.get(tensor, ()), operator)
        return readers

    def sources(self, operator: Operator) -> list[Operator]:
        """Return the operators whose results an operator reads."""
        return [self.producers[tensor] for tensor in operator.inputs if tensor in self.producers]

    @cached_property
    def view(self) -> GraphView:
        """The graph as the rules of ``float_layers`` read it; operators are named by their indices."""
        values: dict[int, OperatorView] = {}

        def value_of(tensor: int) -> OperatorView:
            return values.get(tensor) or OperatorView(f"tensor {tensor}", "Parameter")

        ordered = []
        for operator in self.operators:
            sources = list(map(value_of, operator.inputs)) or [OperatorView("constant", "Constant")]
            view = OperatorView(str(operator.index), TYPES.get(operator.kind, operator.kind), sources)
            values.update(dict.fromkeys(operator.outputs, view))
            ordered.append(view)
        results = [OperatorView(f"result {tensor}", "Result", [value_of(tensor)]) for tensor in self.outputs]
        return GraphView(ordered, results)

    def constants(self, operator: Operator) -> list[float]:
        """Return the values of the FP32 scalars that an operator reads."""
        values: list[float] = []
        for tensor in self.model.subgraphs[0].operators[operator.index].inputs:
            if tensor >= 0 and self.is_constant(tensor):
                data = np.asarray(self.model.buffers[self.tensors[tensor].buffer].data, np.uint8)
                values += np.frombuffer(data.tobytes(), np.float32).tolist() if data.size == 4 else []
        return values

    def _operator(self, index: int) -> Operator:
        node = self.model.subgraphs[0].operators[index]
        code = self.model.operatorCodes[node.opcodeIndex]
        inputs = [int(tensor) for tensor in node.inputs if tensor >= 0]
        outputs = tuple(int(tensor) for tensor in node.outputs)
        return Operator(
            index=index,
            kind=BUILTINS[max(code.builtinCode, code.deprecatedBuiltinCode)],
            names=tuple(map(self.name_of, outputs)),
            inputs=tuple(tensor for tensor in inputs if not self.is_constant(tensor)),
            outputs=outputs,
            is_weighted=any(map(self.is_constant, inputs)),
        )
