"""A network becomes TFLite through ONNX, by onnx2tf and TensorFlow in the toolchain of that name."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posedeploy.convert import onnx
from posedeploy.convert.prepare import Prepared, drawn
from posedeploy.errors import ExportError
from posedeploy.toolchains.child import ask
from posedeploy.toolchains.state import whole
from posedeploy.toolchains.table import TOOLCHAINS
from posedeploy.types import TensorSpec


def convert(prepared: Prepared, path: Path) -> Mapping[str, Any]:
    """Write ``path`` (.tflite).

    Returns:
        ``inputs`` and ``outputs``, what the file's signature calls each tensor of the spec;
        ``channels_last``, those whose channels come last in the file and not in the spec; ``toolchain``, the
        versions that made it.

    Raises:
        ExportError: an axis is free, or the network holds something that ONNX cannot express.
        ToolchainError: the toolchain is missing or broken.
        ToolchainFailed: it cannot take this network, or took too long.
    """
    toolchain = TOOLCHAINS["onnx2tf"]
    spec = prepared.spec
    if prepared.axes:
        raise ExportError("--dynamic: onnx2tf fixes every axis; leave it out, or use --via litert-torch")
    environment = whole(toolchain)  # before minutes are spent on the graph
    last = [t.name for t in (*spec.inputs, *spec.outputs) if _turns(t, prepared.options.tflite.layout)]
    with tempfile.TemporaryDirectory(prefix="onnx2tf-", dir=path.parent) as folder:
        graph, examples, made = (
            Path(folder) / name for name in ("graph.onnx", "examples.npz", "made.tflite")
        )
        onnx.convert(prepared, graph)
        np.savez(examples, **_examples(prepared))
        answer = ask(
            environment.folder,
            toolchain,
            {
                "task": "convert",
                "onnx": str(graph),
                "examples": str(examples),
                "tflite": str(made),
                "inputs": [_asked(tensor, last) for tensor in spec.inputs],
                "outputs": [_asked(tensor, last) for tensor in spec.outputs],
            },
            Path(folder),
            prepared.options.toolchain.time_limit_s,
        )
        made.replace(path)
    return {
        "inputs": answer["inputs"],
        "outputs": answer["outputs"],
        "channels_last": last,
        "toolchain": ", ".join(f"{name} {number}" for name, number in answer["versions"].items()),
    }


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
