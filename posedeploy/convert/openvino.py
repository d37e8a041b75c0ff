"""A network becomes OpenVINO IR, through ONNX. Weights stay float32."""

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
    """Write ``path`` (.xml) and the ``.bin`` of its weights beside it.

    Raises:
        ExportError: the network holds something that ONNX or OpenVINO cannot express.
        OutputError: OpenVINO cannot write its files.
        OSError: the disk is full, or the files cannot be written.
    """
    through = path.with_suffix(".onnx")
    onnx.convert(prepared, through)
    size = through.stat().st_size
    try:
        model = openvino.convert_model(through)
    except RuntimeError as error:
        raise ExportError(f"OpenVINO cannot take this network: {first_line(error)}") from error
    finally:
        through.unlink()
    model.set_friendly_name(path.stem)
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        if shutil.disk_usage(path.parent).free < size:  # the IR is about as large
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        reason = " ".join(str(error).split())
        raise OutputError(f"{path.name}: OpenVINO could not write it ({reason})") from error
