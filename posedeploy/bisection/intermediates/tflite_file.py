"""Intermediate tensors of TFLite files, in LiteRT."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from posedeploy.bisection.intermediates.opening import Changes, OpenedFile
from posedeploy.convert.tflite.flatbuffer import read_model, write_model
from posedeploy.convert.tflite.graph import Graph
from posedeploy.runtimes.litert import LiteRtRunner, list_channels_last
from posedeploy.types import Artifact, RunOptions


def open_file(artifact: Artifact, options: RunOptions, folder: Path, changes: Changes) -> OpenedFile:
    """Open a TFLite file with the results of its operators as outputs, for the same delegate, and inputs that
    replace results.

    Raises:
        ArtifactError, DeviceError: as for ``LiteRtRunner``.
        ExportError: the file has control flow.
    """
    model = read_model(artifact.path.read_bytes())
    graph = Graph(model)
    signature = model.signatureDefs[0] if len(model.signatureDefs or []) == 1 else None
    names = {int(each.tensorIndex): _text(each.name) for each in signature.outputs} if signature else {}
    outputs = list(map(int, model.subgraphs[0].outputs))
    operators: dict[str, str] = {}
    replaced: dict[int, str] = {}
    used: set[str] = set()
    for operator in graph.operators:
        for tensor in operator.outputs:
            name = names.get(tensor) or _unique_name(graph.name_of(tensor), used)
            used.add(name)
            if tensor not in outputs and not changes.shows(name):
                continue
            operators[name] = operator.kind
            if name in changes.cuts:
                replaced[tensor] = name
            if tensor in outputs:
                continue
            outputs.append(tensor)
            graph.tensors[tensor].name = name
            if signature is not None:
                signature.outputs.append(_mapping(name, tensor))
    model.subgraphs[0].outputs = outputs
    cut = _cut(model.subgraphs[0], signature, replaced)
    path = folder / "intermediates.tflite"
    path.write_bytes(write_model(model))
    runner = LiteRtRunner(replace(artifact, path=path), options)
    return OpenedFile(runner, operators, cut, list_channels_last(artifact))


def _cut(graph: Any, signature: Any, replaced: Mapping[int, str]) -> dict[str, str]:
    """Add an input for each of these tensors that an operator uses, and return its name."""
    inputs: dict[int, int] = {}
    names: dict[str, str] = {}
    for tensor in sorted({int(each) for operator in graph.operators for each in operator.inputs}):
        if tensor in replaced:
            name = names[replaced[tensor]] = f"replaced {len(names)}"
            inputs[tensor] = len(graph.tensors)
            graph.tensors.append(copy(graph.tensors[tensor]))
            graph.tensors[-1].name = name
            if signature is not None:
                signature.inputs.append(_mapping(name, inputs[tensor]))
    for operator in graph.operators:
        operator.inputs = [inputs.get(int(each), int(each)) for each in operator.inputs]
    graph.inputs = [*map(int, graph.inputs), *inputs.values()]
    return names


def _mapping(name: str, tensor: int) -> schema.TensorMapT:
    mapping = schema.TensorMapT()
    mapping.name, mapping.tensorIndex = name, tensor
    return mapping


def _unique_name(name: str, used: set[str]) -> str:
    number = 1
    unique = name
    while unique in used:
        number += 1
        unique = f"{name} ({number})"
    return unique


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
