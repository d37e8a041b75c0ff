"""A network becomes a TensorRT engine, through ONNX, which is kept beside it to build it again elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from posedeploy import plugins
from posedeploy.backends import TARGETS
from posedeploy.convert.onnx import graph, where
from posedeploy.convert.prepare import Prepared
from posedeploy.tensorrt.build_info import to_details
from posedeploy.tensorrt.builder import build
from posedeploy.tensorrt.libraries import choose_library
from posedeploy.tensorrt.shape_profile import shape_profile

KEPT, WRAPPED = TARGETS["tensorrt"].sidecar_suffixes
"""How the names of the ONNX and of the file for torch2trt end, the second as in the published 3D demo."""


def convert(prepared: Prepared, path: Path) -> Mapping[str, Any]:
    """Write ``path`` (.engine) and the ``.engine.onnx`` that it is built from, in half precision where that
    is asked; with ``wrap`` also the file for the other loader. Returns the engine's build info.

    Raises:
        ExportError: the network holds something that ONNX or TensorRT cannot express, or a range of shapes is
            missing, or does not fit.
        DeviceError: the library needs a GPU and there is none, or does not support the one that was named.
        MissingPackageError: the library is not installed.
    """
    options = prepared.options.tensorrt
    choose_library(options.library, options.gpus)  # before the minutes that the ONNX may take
    profile = shape_profile(prepared.spec.inputs, options)
    model = graph(prepared)
    kept = path.with_name(path.stem + KEPT)
    onnx.save(_without_notes(model), kept)
    onnx.checker.check_model(kept, full_check=True)
    engine, info = build(
        kept,
        options,
        profile,
        prepared.on_progress,
        lambda name: where(model, name),
        precision=prepared.options.precision,
    )
    path.write_bytes(engine)
    details = to_details(info)
    if prepared.options.precision == "fp16":
        details["packages"] = (*TARGETS["tensorrt"].packages, "onnxruntime")
    if options.wrap is not None:
        wrapped = path.with_name(path.stem + WRAPPED)
        plugins.load(f"posedeploy.tensorrt.{options.wrap}:wrap")(engine, prepared.spec, wrapped)
        details["wrapped"] = wrapped.name
    return details


def _without_notes(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without the exporter's notes, which hold paths of this machine."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    for node in copied.graph.node:
        del node.metadata_props[:]
    return copied
