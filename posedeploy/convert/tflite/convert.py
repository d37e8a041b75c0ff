"""Convert a network to TFLite with the selected converter, check the file and add its metadata."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from posedeploy import plugins
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.export_options import TfliteConverter
from posedeploy.convert.prepare import Prepared
from posedeploy.convert.tflite.signature import Signature
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
"""The converters, and the packages that each needs in this process."""
WRITE_REDUCED = "posedeploy.convert.tflite.precision:write_reduced"
Converter: TypeAlias = Callable[[Prepared, Path], Signature]


def convert(prepared: Prepared, path: Path) -> Conversion:
    """Write ``path`` (.tflite), with tensors named as in the spec.

    Returns:
        The options, the versions in an isolated environment, and the tensors that are channels last only in
        the file, as details.

    Raises:
        ExportError: TFLite or LiteRT's interpreter does not support an operator of the network, it cannot be
            quantized, or ``nhwc`` is set and no tensor is channels first.
        MissingPackageError: a package of the converter or for the precision is not installed.
    """
    options = prepared.options.tflite
    if options.layout == "nhwc" and not channels_first_tensors(prepared):
        tensors = ", ".join(map(str, (*prepared.spec.inputs, *prepared.spec.outputs)))
        raise ExportError(
            f"`layout=nhwc`: this network has no channels-first tensor ({tensors}); leave the option out"
        )
    is_reduced = prepared.options.precision != "fp32"
    function, packages = CONVERTERS[options.converter]
    with suppress_stderr():  # the packages print developer messages on import
        converter: Converter = plugins.load(function)
        check = plugins.load("posedeploy.convert.tflite.check:check")
        finish = plugins.load("posedeploy.convert.tflite.metadata:finish")
        write_reduced = plugins.load(WRITE_REDUCED) if is_reduced else None
    # JAX, a dependency of litert-torch, warns about every later fork, such as OpenVINO's telemetry.
    warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
    needs_calibration = prepared.options.needs_calibration("tflite")
    calibration = prepared.calibrate() if needs_calibration else None  # first: bad images fail at once
    signature = converter(prepared, path)
    with suppress_stderr():
        check(path, prepared, signature)
    details: dict[str, Any] = {
        "converter": options.converter,
        "layout": options.layout,
        "channels_last": list(signature.channels_last),
    }
    if prepared.options.precision == "int8":
        details["activations"] = options.activations
    is_isolated = signature.versions is not None
    conversion = Conversion(
        precision=prepared.options.precision,
        details=details | ({"environment": signature.versions} if is_isolated else {}),
        packages=(*packages, "ai_edge_quantizer") if is_reduced else packages,
        environment=options.converter if is_isolated else None,
        calibration=calibration.record if calibration is not None else None,
    )
    if write_reduced is not None:
        result: Conversion = write_reduced(path, prepared, signature, calibration, conversion)
        return result
    with suppress_stderr():
        finish(path, prepared, signature)
    return conversion


def channels_first_tensors(prepared: Prepared) -> list[str]:
    """Return the names of the tensors that are channels first in the spec."""
    spec = prepared.spec
    return [tensor.name for tensor in (*spec.inputs, *spec.outputs) if tensor.layout == "NCHW"]
