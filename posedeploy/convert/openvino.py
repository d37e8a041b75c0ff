"""Convert a network to OpenVINO IR, through ONNX. Weights stay FP32."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from posedeploy import openvino_telemetry  # noqa: F401

# isort: split

import openvino

from posedeploy.convert import onnx
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError, OutputError, first_line


def convert(prepared: Prepared, path: Path) -> None:
    """Write ``path`` (.xml), and its weights as ``.bin`` in the same folder.

    Raises:
        ExportError: ONNX or OpenVINO does not support an operator of the network.
        OutputError: OpenVINO cannot write its files.
        OSError: the disk is full, or the files cannot be written.
    """
    onnx_path = path.with_suffix(".onnx")
    onnx.convert(prepared, onnx_path)
    size = onnx_path.stat().st_size
    try:
        model = openvino.convert_model(onnx_path)
    except RuntimeError as error:
        raise ExportError(f"OpenVINO cannot convert this network: {first_line(error)}") from error
    finally:
        onnx_path.unlink()
    model.set_friendly_name(path.stem)
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        if shutil.disk_usage(path.parent).free < size:  # the IR has about the size of the ONNX file
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        reason = " ".join(str(error).split())
        raise OutputError(f"{path.name}: OpenVINO cannot write this file ({reason})") from error
