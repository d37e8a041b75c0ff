"""Intermediate tensors of TFLite files, in LiteRT."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from posedeploy.bisection.intermediates.opening import OpenedFile
from posedeploy.convert.tflite.flatbuffer import read_model, write_model
from posedeploy.convert.tflite.graph import Graph
from posedeploy.runtimes.litert import LiteRtRunner
from posedeploy.types import Artifact, RunOptions


def open_file(artifact: Artifact, options: RunOptions, folder: Path) -> OpenedFile:
    """Open a TFLite file with the results of all its operators as outputs, for the same delegate.

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
    for operator in graph.operators:
        for tensor in operator.outputs:
            name = names.get(tensor) or _unique_name(graph.name_of(tensor), operators)
            operators[name] = operator.kind
            if tensor in outputs:
                continue
            outputs.append(tensor)
            graph.tensors[tensor].name = name
            if signature is not None:
                signature.outputs.append(_output(name, tensor))
    model.subgraphs[0].outputs = outputs
    path = folder / "intermediates.tflite"
    path.write_bytes(write_model(model))
    return OpenedFile(LiteRtRunner(replace(artifact, path=path), options), operators)


def _output(name: str, tensor: int) -> schema.TensorMapT:
    output = schema.TensorMapT()
    output.name, output.tensorIndex = name, tensor
    return output


def _unique_name(name: str, used: dict[str, str]) -> str:
    number = 1
    unique = name
    while unique in used:
        number += 1
        unique = f"{name} ({number})"
    return unique


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
