"""A stand-in for a runtime whose kernel for a fused convolution and ReLU is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
from onnx import numpy_helper

from posedeploy.runtimes.onnxruntime import OnnxRuntimeRunner
from posedeploy.types import Artifact, RunOptions


class MiscompilingRunner(OnnxRuntimeRunner):
    """ONNX Runtime, but a convolution whose result is the tensor ``FUSED`` multiplies by twice its weights
    unless the file returns this tensor."""

    FUSED: str

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        model = onnx.load(artifact.path)
        if self.FUSED not in {output.name for output in model.graph.output}:
            node = next(node for node in model.graph.node if self.FUSED in node.output)
            weights = next(each for each in model.graph.initializer if each.name == node.input[1])
            weights.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(weights), weights.name))
        path = Path(f"{artifact.path}.fused")
        onnx.save(model, path)
        super().__init__(replace(artifact, path=path), options)
