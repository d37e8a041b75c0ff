"""Artifacts, options and output folders that ``bundle`` refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import posedeploy
from posedeploy import BundleOptions
from posedeploy.errors import DeviceError, ExportError, InputError, ManifestError, OutputError
from posedeploy.types import Artifact


@pytest.mark.parametrize(
    ("target", "server", "options", "error", "message"),
    [
        (
            "tflite",
            "triton",
            {},
            ExportError,
            "Triton has no backend for the target tflite; export to onnx, openvino, tensorrt, torchscript, "
            "or pass `python_backend`, which runs it with posedeploy on the server",
        ),
        ("tflite", "kserve", {"storage_uri": "s3://b"}, ExportError, "Triton has no backend for the target"),
        (
            "torchscript",
            "ovms",
            {},
            ExportError,
            "OpenVINO Model Server does not run the target torchscript; export to openvino, onnx, tflite",
        ),
        ("onnx", "kserve", {}, InputError, "`storage_uri`: KServe needs the location that you will copy"),
        ("onnx", "triton", {"storage_uri": "s3://b"}, InputError, "`storage_uri=s3://b`: only valid for"),
        ("onnx", "ovms", {"python_backend": True}, InputError, "`python_backend`: only valid for triton and"),
        ("onnx", "ovms", {"poses": True}, InputError, "`poses`: a bundle for OpenVINO Model Server has no"),
        ("onnx", "triton", {"poses": True}, InputError, "`poses`: no poses can be decoded from .*'tiny' is"),
        ("onnx", "ovms", {"device": "cuda"}, DeviceError, "`device=cuda`: not a device of ovms; expected"),
        ("onnx", "triton", {"device": "npu"}, DeviceError, "`device=npu`: not a device of triton; expected"),
        ("onnx", "triton", {"name": "a/b"}, InputError, "`name=a/b`: not a model name for triton; pass a"),
        ("onnx", "ovms", {"name": "config.json"}, InputError, "`name=config.json`: the name of the server's"),
        ("onnx", "triton", {"name": ".."}, InputError, r"`name=\.\.`: not a model name for triton"),
        (
            "onnx",
            "kserve",
            {"name": "Human_1", "storage_uri": "s3://b"},
            InputError,
            "`name=Human_1`: not a model name for kserve; pass a name of lowercase letters, digits and '-'",
        ),
    ],
)  # fmt: skip
def test_an_artifact_or_option_that_the_server_does_not_support_is_refused(
    exported: dict[str, Artifact],
    tmp_path: Path,
    target: str,
    server: Any,
    options: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        posedeploy.bundle(exported[target], server, tmp_path / "models", BundleOptions(**options))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"instances": 0}, "`instances=0`: expected at least 1"),
        ({"max_batch": -1}, "`max_batch=-1`: "),
    ],
)
def test_invalid_numbers_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BundleOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("library", "message"),
    [
        (
            "tensorrt-rtx",
            "an engine of tensorrt-rtx, which Triton does not run; export with `trt_library=tensorrt`",
        )
    ],
)
def test_an_engine_that_triton_does_not_run_is_refused(
    exported: dict[str, Artifact], tmp_path: Path, library: str, message: str
) -> None:
    artifact = replace(exported["onnx"], target="tensorrt", details={"library": library})
    with pytest.raises(ExportError, match=message):
        posedeploy.bundle(artifact, "triton", tmp_path / "models")


def test_a_folder_that_is_not_empty_is_not_changed(exported: dict[str, Artifact], tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("own", encoding="utf-8")
    with pytest.raises(OutputError, match="a folder that is not empty is in the way; pass a new folder, or"):
        posedeploy.bundle(exported["onnx"], "triton", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["own.txt"]


def test_a_file_without_a_manifest_is_refused(exported: dict[str, Artifact], tmp_path: Path) -> None:
    copied = tmp_path / "copy.onnx"
    copied.write_bytes(exported["onnx"].path.read_bytes())
    with pytest.raises(ManifestError, match="it has no manifest"):
        posedeploy.bundle(copied, "triton", tmp_path / "models")


def test_a_served_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="http://host/v2/models/h: not a model file; pass an exported one"):
        posedeploy.bundle("http://host/v2/models/h", "triton", tmp_path / "models")
