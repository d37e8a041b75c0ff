"""Convert a network to TFLite with the selected converter, check the file and add its metadata."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posedeploy import plugins
from posedeploy.convert.export_options import TfliteConverter
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError
from posedeploy.suppress_output import suppress_stderr

CONVERTERS: dict[TfliteConverter, tuple[str, tuple[str, ...]]] = {
    "litert-torch": (
        "posedeploy.convert.tflite.litert_torch:convert",
        ("torch", "litert_torch", "ai_edge_litert"),
    ),
    "onnx2tf": (
        "posedeploy.convert.tflite.onnx2tf:convert",
        ("torch", "onnx", "onnxscript", "ai_edge_litert"),
    ),
}
"""The converters, and the packages that each needs here. A converter writes the file and returns ``inputs``
and ``outputs`` (the names in the file's signature, by name in the spec), ``channels_last`` (the tensors that
are channels last only in the file), and other details for the manifest."""


def convert(prepared: Prepared, path: Path) -> dict[str, Any]:
    """Write ``path`` (.tflite), with tensors named as in the spec.

    Returns:
        The options and ``packages`` used, and the tensors that are channels last only in the file.

    Raises:
        ExportError: TFLite or LiteRT's interpreter does not support an operator of the network, or ``nhwc``
            is set and no tensor is channels first.
        MissingPackageError: a package of the converter is not installed.
    """
    options = prepared.options.tflite
    if options.layout == "nhwc" and not channels_first_tensors(prepared):
        tensors = ", ".join(map(str, (*prepared.spec.inputs, *prepared.spec.outputs)))
        raise ExportError(
            f"`layout=nhwc`: this network has no channels-first tensor ({tensors}); leave the option out"
        )
    function, packages = CONVERTERS[options.converter]
    with suppress_stderr():  # the packages print messages for their developers when they are imported
        converter: Callable[[Prepared, Path], Mapping[str, Any]] = plugins.load(function)
        finish = plugins.load("posedeploy.convert.tflite.metadata:finish")
    # JAX, a dependency of litert-torch, warns about every later fork, such as OpenVINO's telemetry.
    warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
    conversion: Mapping[str, Any] = converter(prepared, path)
    with suppress_stderr():
        finish(path, prepared, conversion)
    details = {name: value for name, value in conversion.items() if name not in ("inputs", "outputs")}
    return {"converter": options.converter, "layout": options.layout, "packages": packages, **details}


def channels_first_tensors(prepared: Prepared) -> list[str]:
    """Return the names of the tensors that are channels first in the spec."""
    spec = prepared.spec
    return [tensor.name for tensor in (*spec.inputs, *spec.outputs) if tensor.layout == "NCHW"]
