"""A network becomes OpenVINO IR, through ONNX. Weights stay float32."""

from __future__ import annotations

from pathlib import Path

import openvino

from posedeploy.convert import onnx
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError


def convert(prepared: Prepared, path: Path) -> None:
    """Write ``path`` (.xml) and the ``.bin`` of its weights beside it.

    Raises:
        ExportError: the network holds something that ONNX or OpenVINO cannot express.
        OSError: the files cannot be written.
    """
    through = path.with_suffix(".onnx")
    onnx.convert(prepared, through)
    try:
        model = openvino.convert_model(through)
    except RuntimeError as error:
        raise ExportError(f"OpenVINO cannot take this network: {error}") from error
    finally:
        through.unlink()
    model.set_friendly_name(path.stem)
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError("OpenVINO could not write its files: is the disk full?") from error
