"""Seeds of model files: one small file, without a manifest, for each target whose runtime is installed."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from posedeploy import embedded_manifest
from posedeploy.convert.export import export
from tests.support.networks import tiny_model
from tests.support.tables import ON_CPU


@cache
def exported(target: str) -> dict[str, bytes]:
    """Return the files of a small network by their suffixes."""
    with tempfile.TemporaryDirectory() as folder:
        export(tiny_model(), {target: ON_CPU[target]}, Path(folder), "tiny")
        return {path.suffix: path.read_bytes() for path in Path(folder).iterdir()}


def onnx_models() -> list[bytes]:
    """ONNX."""
    return [exported("onnx")[".onnx"]]


def openvino_models() -> list[bytes]:
    """Return the XML of OpenVINO IR; its weights are in the same folder."""
    return [exported("openvino")[".xml"]]


def tflite_models() -> list[bytes]:
    """Return TFLite files without an embedded manifest, as other tools write them."""
    content = exported("tflite")[".tflite"]
    name = embedded_manifest.NAME.encode()
    return [content[: content.rindex(b"PK\x03\x04")].replace(name, b"x" * len(name))]


def torchscript_models() -> list[bytes]:
    """TorchScript."""
    return [exported("torchscript")[".torchscript"]]


def engines() -> list[bytes]:
    """Return the first bytes of engines of TensorRT and of TensorRT-RTX."""
    return [b"ftrt" + bytes(range(200)), b"vtrt" + bytes(200)]
