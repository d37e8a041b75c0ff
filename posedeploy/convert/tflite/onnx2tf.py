"""Convert a network to TFLite through ONNX, with onnx2tf and TensorFlow in an isolated environment."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxscript.optimizer
import torch
from onnx import version_converter

from posedeploy.convert.agreement import MAX_RELATIVE_DIFFERENCE
from posedeploy.convert.onnx import export_fp32, node_location
from posedeploy.convert.prepare import Prepared, random_inputs
from posedeploy.convert.tflite.signature import Signature
from posedeploy.environments.child import run_request
from posedeploy.environments.environment_specs import ENVIRONMENTS
from posedeploy.environments.state import require_installed
from posedeploy.errors import ExportError, IsolatedProgramError, first_line
from posedeploy.types import TensorSpec

OPSET = 17
"""The last opset in which onnx2tf reads ``coordinate_transformation_mode`` of ``Resize``. In later ones it
assumes ``half_pixel``."""
HALF_PIXEL_MODES = {"half_pixel", "pytorch_half_pixel"}
MISSING_OPERATOR = re.compile(r"onnx2tf\.ops\.(\w+)")
"""If onnx2tf lacks an operator, it fails to import a module of that name."""
MAX_LISTED = 4
"""Nodes of a missing operator that a message lists."""
MAX_FOLDED_ELEMENTS = 1 << 24
"""The largest constant, in elements, that constant folding may start from."""


def convert(prepared: Prepared, path: Path) -> Signature:
    """Write ``path`` (.tflite) and return its signature.

    Raises:
        ExportError: an axis is dynamic, or ONNX does not support an operator of the network.
        IsolatedEnvironmentError: the isolated environment is missing or broken.
        IsolatedProgramError: onnx2tf cannot convert this network, or took too long.
    """
    environment_spec = ENVIRONMENTS["onnx2tf"]
    spec = prepared.spec
    if prepared.axes:
        raise ExportError(
            "`dynamic`: onnx2tf fixes every axis; leave the option out, or use `converter=litert-torch`"
        )
    environment = require_installed(environment_spec)  # fail before the ONNX export, which may take minutes
    last = [
        t.name for t in (*spec.inputs, *spec.outputs) if _is_transposed(t, prepared.options.tflite.layout)
    ]
    with tempfile.TemporaryDirectory(prefix="onnx2tf-", dir=path.parent) as folder:
        graph, examples, converted = (
            Path(folder) / name for name in ("graph.onnx", "examples.npz", "converted.tflite")
        )
        model = _simplify(export_fp32(prepared))
        onnx.save(model, graph)
        np.savez(examples, **_examples(prepared))
        request = {
            "task": "convert",
            "onnx": str(graph),
            "tolerance": MAX_RELATIVE_DIFFERENCE,
            "examples": str(examples),
            "tflite": str(converted),
            "inputs": [_describe(tensor, last) for tensor in spec.inputs],
            "outputs": [_describe(tensor, last) for tensor in spec.outputs],
        }
        limit_s = prepared.options.environment.time_limit_s
        try:
            response = run_request(environment.folder, environment_spec, request, Path(folder), limit_s)
        except IsolatedProgramError as error:
            raise _add_location(error, model) from error
        converted.replace(path)
    versions = ", ".join(f"{name} {number}" for name, number in response["versions"].items())
    return Signature(response["inputs"], response["outputs"], last, versions)


def _add_location(error: IsolatedProgramError, model: onnx.ModelProto) -> IsolatedProgramError:
    """Return the error, with the module in the network if onnx2tf lacks an operator."""
    match = MISSING_OPERATOR.search(str(error))
    nodes = [node for node in model.graph.node if match and node.op_type == match[1]]
    if not nodes:
        return error
    places = ", ".join(
        dict.fromkeys(f"{node.name}{node_location(model, node.name)}" for node in nodes[:MAX_LISTED])
    )
    return IsolatedProgramError(
        f"onnx2tf does not have the operator {nodes[0].op_type} ({places}); use `converter=litert-torch`",
        error.environment,
        error.log,
    )


def _simplify(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph in a form that onnx2tf converts correctly: with folded constants, since Keras does not
    accept operators on constants as layers, and in a supported opset."""
    model = onnxscript.optimizer.optimize(model, input_size_limit=MAX_FOLDED_ELEMENTS)
    if all(
        _coordinate_mode(node) in HALF_PIXEL_MODES for node in model.graph.node if node.op_type == "Resize"
    ):
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, version_converter.ConvertError) as error:
        raise ExportError(
            f"onnx2tf reads Resize correctly up to opset {OPSET}, and this network cannot be converted to "
            f"it ({first_line(error)}); use `converter=litert-torch`"
        ) from error


def _coordinate_mode(resize: onnx.NodeProto) -> str:
    """Return the ``coordinate_transformation_mode`` of a ``Resize``."""
    modes = [each.s.decode() for each in resize.attribute if each.name == "coordinate_transformation_mode"]
    return modes[0] if modes else "half_pixel"


def _is_transposed(tensor: TensorSpec, layout: str) -> bool:
    return layout == "nhwc" and tensor.layout == "NCHW"


def _describe(tensor: TensorSpec, last: list[str]) -> dict[str, Any]:
    return {"name": tensor.name, "first": tensor.layout == "NCHW", "last": tensor.name in last}


def _examples(prepared: Prepared) -> dict[str, Any]:
    """Return random inputs, whose values identify the outputs, and PyTorch's outputs for them."""
    inputs = random_inputs(prepared, (tuple(value.shape) for value in prepared.example), seed=0)
    with torch.inference_mode():  # on copies: a network may change its input
        outputs = prepared.module(*(torch.from_numpy(value.copy()) for value in inputs))
    return {
        **{"in:" + t.name: value for t, value in zip(prepared.spec.inputs, inputs, strict=True)},
        **{"out:" + t.name: v.numpy() for t, v in zip(prepared.spec.outputs, outputs, strict=True)},
    }
