"""Replace the operators of ``litert_layers.Elu`` by one ELU, which passes over the values only once.

litert-torch cannot write ELU, so the network computes it with five operators.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from posedeploy.convert.tflite.flatbuffer import read_model, write_model
from posedeploy.convert.tflite.graph import Graph, Operator

SOURCES = {"ADD": {"RELU", "SUB"}, "SUB": {"EXP"}, "EXP": {"MINIMUM"}}
"""The operators whose results each operator of an ELU reads."""
CONSTANTS = {"SUB": 1.0, "MINIMUM": 0.0}


def fuse_elus(content: bytes) -> bytes:
    """Return a file with each ``relu(x) + (exp(minimum(x, 0)) - 1)`` replaced by ``elu(x)``."""
    model = read_model(content)
    if len(model.subgraphs) != 1:
        return content
    graph, (subgraph,) = Graph(model), model.subgraphs
    replaced: set[int] = set()
    for operator in graph.operators:
        parts = _parts(graph, operator)
        if operator.kind != "ADD" or parts is None:
            continue
        node = subgraph.operators[operator.index]
        node.opcodeIndex = len(model.operatorCodes)
        node.inputs = np.array(parts["RELU"].inputs, np.int32)
        node.builtinOptions, node.builtinOptionsType = None, schema.BuiltinOptions.NONE
        replaced.update(part.index for kind, part in parts.items() if kind != "ADD")
    if not replaced:
        return content
    elu = schema.BuiltinOperator.ELU
    model.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=elu, builtinCode=elu, version=1))
    subgraph.operators = [node for index, node in enumerate(subgraph.operators) if index not in replaced]
    return write_model(model)


def _parts(graph: Graph, operator: Operator) -> dict[str, Operator] | None:
    """Return the operators of the ELU that ends with this one, by kind; None if it is no ELU."""
    parts, pending = {operator.kind: operator}, [operator]
    while pending:
        current = pending.pop()
        sources = graph.sources(current) if current.kind in SOURCES else []
        if current.kind in SOURCES and {each.kind for each in sources} != SOURCES[current.kind]:
            return None
        if current.kind in CONSTANTS and graph.constants(current) != [CONSTANTS[current.kind]]:
            return None
        parts |= {each.kind: each for each in sources}
        pending += sources
    is_one_input = parts["RELU"].inputs == parts["MINIMUM"].inputs if len(parts) == 5 else False
    is_inside = all(_is_read_once(graph, part) for part in parts.values() if part is not operator)
    return parts if is_one_input and is_inside else None


def _is_read_once(graph: Graph, operator: Operator) -> bool:
    """Return whether a single operator reads the result of this one, and the network does not return it."""
    (tensor,) = operator.outputs
    return len(graph.consumers.get(tensor, ())) == 1 and tensor not in graph.outputs
