"""Intermediate tensors of ONNX files, in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx

from posedeploy.bisection.intermediates.opening import Changes, OpenedFile
from posedeploy.runtimes.onnxruntime import OnnxRuntimeRunner
from posedeploy.types import Artifact, RunOptions, Tensors


def open_file(artifact: Artifact, options: RunOptions, folder: Path, changes: Changes) -> OpenedFile:
    """Open an ONNX file with the results of its operators as outputs, and inputs that replace results.

    Raises:
        ArtifactError, DeviceError: as for ``OnnxRuntimeRunner``.
    """
    model = onnx.load(artifact.path)
    outputs = {value.name for value in model.graph.output}
    operators = {
        name: node.op_type
        for node in model.graph.node
        for name in node.output
        if name and (name in outputs or changes.shows(name))
    }
    # ONNX Runtime infers the types of outputs without one.
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in operators if name not in outputs)
    names = _cut(model.graph, changes.cuts)
    path = folder / "intermediates.onnx"
    onnx.save(model, path, save_as_external_data=_is_large(model), location="weights")
    return OpenedFile(OnnxRuntimeRunner(replace(artifact, path=path), options), operators, names)


def _cut(graph: onnx.GraphProto, cuts: Tensors) -> dict[str, str]:
    """Add an input for each of these tensors that an operator uses, and return its name."""
    names = {tensor: f"replaced {number}" for number, tensor in enumerate(cuts)}
    used: set[str] = set()
    _rename_inputs(graph, names, used)
    kept = {tensor: name for tensor, name in names.items() if tensor in used}
    for tensor, name in kept.items():
        dtype = onnx.helper.np_dtype_to_tensor_dtype(cuts[tensor].dtype)
        graph.input.append(onnx.helper.make_tensor_value_info(name, dtype, cuts[tensor].shape))
    return kept


def _rename_inputs(graph: onnx.GraphProto, names: Mapping[str, str], used: set[str]) -> None:
    """Rename the inputs of operators, also in the branches of control flow, and collect the old names."""
    for node in graph.node:
        used |= names.keys() & set(node.input)
        node.input[:] = [names.get(name, name) for name in node.input]
        for attribute in node.attribute:
            for branch in (attribute.g, *attribute.graphs):
                _rename_inputs(branch, names, used)


def _is_large(model: onnx.ModelProto) -> bool:
    return bool(model.ByteSize() >= onnx.checker.MAXIMUM_PROTOBUF)
