"""Convert a network to TFLite through ONNX, with onnx2tf and TensorFlow in an isolated environment."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxscript.optimizer
import torch
from onnx import version_converter

from posedeploy.convert.agreement import SAME
from posedeploy.convert.onnx import graph, where
from posedeploy.convert.prepare import Prepared, drawn
from posedeploy.environments.child import run_request
from posedeploy.environments.specs import ENVIRONMENTS
from posedeploy.environments.state import require_installed
from posedeploy.errors import ExportError, IsolatedProgramError, first_line
from posedeploy.types import TensorSpec

OPSET = 17
"""The last one of which onnx2tf reads where a resized image's points lie (``Resize``): of later ones it takes
them for those of ``half_pixel``."""
READ_ANYWAY = {"half_pixel", "pytorch_half_pixel"}
LACKING = re.compile(r"onnx2tf\.ops\.(\w+)")
"""How the child tells an operator that onnx2tf does not have: as a module that is not there."""
SHOWN = 4
"""Of the nodes of such an operator."""
FOLDED = 1 << 24
"""The largest tensor, in elements, that what is computed of constants may start from."""


def convert(prepared: Prepared, path: Path) -> Mapping[str, Any]:
    """Write ``path`` (.tflite).

    Returns:
        ``inputs`` and ``outputs``, what the file's signature calls each tensor of the spec;
        ``channels_last``, those whose channels come last in the file and not in the spec; ``environment``,
        the versions that made it.

    Raises:
        ExportError: an axis is free, or the network holds something that ONNX cannot express.
        IsolatedEnvironmentError: the isolated environment is missing or broken.
        IsolatedProgramError: it cannot take this network, or took too long.
    """
    environment_spec = ENVIRONMENTS["onnx2tf"]
    spec = prepared.spec
    if prepared.axes:
        raise ExportError(
            "`dynamic`: onnx2tf fixes every axis; leave it out, or use `converter=litert-torch`"
        )
    environment = require_installed(environment_spec)  # before minutes are spent on the graph
    last = [t.name for t in (*spec.inputs, *spec.outputs) if _turns(t, prepared.options.tflite.layout)]
    with tempfile.TemporaryDirectory(prefix="onnx2tf-", dir=path.parent) as folder:
        network, examples, made = (
            Path(folder) / name for name in ("graph.onnx", "examples.npz", "made.tflite")
        )
        readable = _readable(graph(prepared))
        onnx.save(readable, network)
        np.savez(examples, **_examples(prepared))
        request = {
            "task": "convert",
            "onnx": str(network),
            "same": SAME,
            "examples": str(examples),
            "tflite": str(made),
            "inputs": [_asked(tensor, last) for tensor in spec.inputs],
            "outputs": [_asked(tensor, last) for tensor in spec.outputs],
        }
        limit_s = prepared.options.environment.time_limit_s
        try:
            answer = run_request(environment.folder, environment_spec, request, Path(folder), limit_s)
        except IsolatedProgramError as failed:
            raise _named(failed, readable) from failed
        made.replace(path)
    return {
        "inputs": answer["inputs"],
        "outputs": answer["outputs"],
        "channels_last": last,
        "environment": ", ".join(f"{name} {number}" for name, number in answer["versions"].items()),
    }


def _named(failed: IsolatedProgramError, model: onnx.ModelProto) -> IsolatedProgramError:
    """The failure, with the operator and its place in the network where onnx2tf has none such."""
    lacking = LACKING.search(str(failed))
    nodes = [node for node in model.graph.node if lacking and node.op_type == lacking[1]]
    if not nodes:
        return failed
    places = ", ".join(dict.fromkeys(f"{node.name}{where(model, node.name)}" for node in nodes[:SHOWN]))
    return IsolatedProgramError(
        f"onnx2tf does not have the operator {nodes[0].op_type} ({places}); use `converter=litert-torch`",
        failed.environment,
        failed.log,
    )


def _readable(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph so that onnx2tf converts it rightly: without operators on constants alone, which Keras does
    not take for layers, and no newer than it reads."""
    model = onnxscript.optimizer.optimize(model, input_size_limit=FOLDED)
    if all(_points(node) in READ_ANYWAY for node in model.graph.node if node.op_type == "Resize"):
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, version_converter.ConvertError) as error:
        raise ExportError(
            f"onnx2tf reads the points of a Resize up to opset {OPSET} only, and this network cannot be "
            f"brought there ({first_line(error)}); use `converter=litert-torch`"
        ) from error


def _points(resize: onnx.NodeProto) -> str:
    """Where the points of the image lie that a ``Resize`` makes."""
    modes = [each.s.decode() for each in resize.attribute if each.name == "coordinate_transformation_mode"]
    return modes[0] if modes else "half_pixel"


def _turns(tensor: TensorSpec, layout: str) -> bool:
    return layout == "nhwc" and tensor.layout == "NCHW"


def _asked(tensor: TensorSpec, last: list[str]) -> dict[str, Any]:
    return {"name": tensor.name, "first": tensor.layout == "NCHW", "last": tensor.name in last}


def _examples(prepared: Prepared) -> dict[str, Any]:
    """Inputs in which no two values of a tensor are alike by design, and what PyTorch makes of them."""
    inputs = drawn(prepared, (tuple(value.shape) for value in prepared.example), seed=0)
    with torch.inference_mode():  # of copies: a network may change its input
        outputs = prepared.module(*(torch.from_numpy(value.copy()) for value in inputs))
    return {
        **{"in:" + t.name: value for t, value in zip(prepared.spec.inputs, inputs, strict=True)},
        **{"out:" + t.name: v.numpy() for t, v in zip(prepared.spec.outputs, outputs, strict=True)},
    }
