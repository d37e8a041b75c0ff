"""Convert a network to a TensorRT engine from an ONNX file, which is kept to rebuild the engine elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx

from posedeploy import plugins
from posedeploy.backends import TARGETS
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.onnx import export_onnx, node_location
from posedeploy.convert.prepare import Prepared
from posedeploy.tensorrt.build_info import to_details
from posedeploy.tensorrt.builder import build
from posedeploy.tensorrt.libraries import choose_library
from posedeploy.tensorrt.shape_profile import shape_profile

SOURCE, WRAPPED = TARGETS["tensorrt"].sidecar_suffixes
"""Suffixes of the ONNX file and of the torch2trt file; the published 3D demo uses the second."""


def convert(prepared: Prepared, path: Path) -> Conversion:
    """Write ``path`` (.engine) and its source ``.engine.onnx``; with ``wrap``, also the torch2trt file.

    Returns:
        The engine's build info, as details.

    Raises:
        ExportError: ONNX or TensorRT does not support an operator of the network, or a range of shapes is
            missing or does not fit.
        DeviceError: the library needs a GPU and there is none, or it does not support the named GPU.
        MissingPackageError: the library is not installed.
    """
    options = prepared.options.tensorrt
    choose_library(options.library, options.gpus)  # fail before the ONNX export, which may take minutes
    profile = shape_profile(prepared.spec.inputs, options)
    model = export_onnx(prepared)
    source = path.with_name(path.stem + SOURCE)
    onnx.save(_without_metadata(model), source)
    onnx.checker.check_model(source, full_check=True)
    engine, info = build(
        source,
        options,
        profile,
        prepared.on_progress,
        lambda name: node_location(model, name),
        precision=prepared.options.precision,
    )
    path.write_bytes(engine)
    sidecars = [source.name]
    if options.wrap is not None:
        wrapped = path.with_name(path.stem + WRAPPED)
        plugins.load(f"posedeploy.tensorrt.{options.wrap}:wrap")(engine, prepared.spec, wrapped)
        info = replace(info, wrapped=wrapped.name)
        sidecars.append(wrapped.name)
    is_fp16 = info.precision == "fp16"
    return Conversion(
        precision=info.precision,
        sidecars=tuple(sidecars),
        details=to_details(info),
        packages=(*TARGETS["tensorrt"].packages, "onnxruntime") if is_fp16 else None,
    )


def _without_metadata(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy without the exporter's node metadata, which contains paths of this machine."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    for node in copied.graph.node:
        del node.metadata_props[:]
    return copied
