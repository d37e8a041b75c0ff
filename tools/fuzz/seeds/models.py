"""Model files of every target whose runtime is on this machine, small and without manifests."""

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
    """Return the files of a small network by how their names end."""
    with tempfile.TemporaryDirectory() as folder:
        export(tiny_model(), {target: ON_CPU[target]}, Path(folder), "tiny")
        return {path.suffix: path.read_bytes() for path in Path(folder).iterdir()}


def onnx_models() -> list[bytes]:
    """ONNX."""
    return [exported("onnx")[".onnx"]]


def openvino_models() -> list[bytes]:
    """The XML of OpenVINO's IR, whose weights lie beside it."""
    return [exported("openvino")[".xml"]]


def tflite_models() -> list[bytes]:
    """TFLite, as others write it: without the manifest behind it, which its metadata would name."""
    content = exported("tflite")[".tflite"]
    name = embedded_manifest.NAME.encode()
    return [content[: content.rindex(b"PK\x03\x04")].replace(name, b"x" * len(name))]


def torchscript_models() -> list[bytes]:
    """TorchScript."""
    return [exported("torchscript")[".torchscript"]]


def engines() -> list[bytes]:
    """How engines of TensorRT and of TensorRT-RTX begin."""
    return [b"ftrt" + bytes(range(200)), b"vtrt" + bytes(200)]
