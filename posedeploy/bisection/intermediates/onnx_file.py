"""Intermediate tensors of ONNX files, in ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx

from posedeploy.bisection.intermediates.opening import OpenedFile
from posedeploy.runtimes.onnxruntime import OnnxRuntimeRunner
from posedeploy.types import Artifact, RunOptions


def open_file(artifact: Artifact, options: RunOptions, folder: Path) -> OpenedFile:
    """Open an ONNX file with the results of all its operators as outputs.

    Raises:
        ArtifactError, DeviceError: as for ``OnnxRuntimeRunner``.
    """
    model = onnx.load(artifact.path)
    outputs = {value.name for value in model.graph.output}
    operators = {name: node.op_type for node in model.graph.node for name in node.output if name}
    # ONNX Runtime infers the types of outputs without one.
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in operators if name not in outputs)
    path = folder / "intermediates.onnx"
    onnx.save(model, path, save_as_external_data=_is_large(model), location="weights")
    return OpenedFile(OnnxRuntimeRunner(replace(artifact, path=path), options), operators)


def _is_large(model: onnx.ModelProto) -> bool:
    return bool(model.ByteSize() >= onnx.checker.MAXIMUM_PROTOBUF)
