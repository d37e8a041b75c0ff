"""Convert a network to OpenVINO IR from its ONNX graph."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from posedeploy import openvino_telemetry  # noqa: F401

# isort: split

import openvino

from posedeploy import plugins
from posedeploy.backends import TARGETS
from posedeploy.convert import onnx
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.export_options import QUANTIZED
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError, OutputError, first_line
from posedeploy.types import Precision

INFERENCE_PRECISIONS: Mapping[str, Precision] = {"bf16": "bf16", "mixed": "bf16"}
"""The precision of the float layers at run time, by the precision of the export. Files in BF16 and FP32 are
the same: the runner passes the recorded precision to OpenVINO."""
QUANTIZE = "posedeploy.convert.nncf_quantize:quantize"


def convert(prepared: Prepared, path: Path) -> Conversion:
    """Write ``path`` (.xml), and its weights as ``.bin`` in the same folder.

    The weights are FP16 for the precision ``fp16``, INT8 in quantized layers, and otherwise FP32.

    Raises:
        ExportError: ONNX or OpenVINO does not support an operator of the network, or it cannot be quantized.
        MissingPackageError: the precision needs NNCF, which is not installed.
        OutputError: OpenVINO cannot write its files.
        OSError: the disk is full, or the files cannot be written.
    """
    precision = prepared.options.precision
    quantize = plugins.load(QUANTIZE) if precision in QUANTIZED else None
    calibration = prepared.calibrate() if precision in QUANTIZED else None  # first: bad images fail at once
    onnx_path = path.with_suffix(".onnx")
    onnx.convert_fp32(prepared, onnx_path)
    size = onnx_path.stat().st_size
    try:
        model = openvino.convert_model(onnx_path)
    except RuntimeError as error:
        raise ExportError(f"OpenVINO cannot convert this network: {first_line(error)}") from error
    finally:
        onnx_path.unlink()
    conversion = Conversion(precision=precision, inference_precision=INFERENCE_PRECISIONS.get(precision))
    if quantize is not None and calibration is not None:
        prepared.on_progress("quantizing", None)
        model = quantize(model, calibration, precision)
        packages = (*TARGETS["openvino"].packages, "nncf")
        conversion = replace(conversion, packages=packages, calibration=calibration.record)
    model.set_friendly_name(path.stem)
    try:
        openvino.save_model(model, path, compress_to_fp16=precision == "fp16")
    except RuntimeError as error:
        if shutil.disk_usage(path.parent).free < size:  # the IR has about the size of the ONNX file
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        reason = " ".join(str(error).split())
        raise OutputError(f"{path.name}: OpenVINO cannot write this file ({reason})") from error
    return conversion
