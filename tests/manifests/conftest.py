"""Artifacts of three targets with their manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy import files, manifest
from posedeploy.types import Artifact
from tests.support.manifests import PROVENANCE, SPEC


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    """An IR of two files with its manifest."""
    (tmp_path / "net.xml").write_bytes(b"<net/>")
    (tmp_path / "net.bin").write_bytes(b"1234")
    hashes = {name: files.sha256(tmp_path / name) for name in ("net.xml", "net.bin")}
    artifact = Artifact(tmp_path / "net.xml", "openvino", SPEC, "fp32", hashes, PROVENANCE)
    manifest.write(artifact, tmp_path)
    return artifact


@pytest.fixture
def lone(tmp_path: Path) -> Artifact:
    """A TFLite file with an embedded manifest only."""
    (tmp_path / "net.tflite").write_bytes(b"flatbuffer" * 50)
    hashes = {"net.tflite": files.sha256(tmp_path / "net.tflite")}
    artifact = Artifact(
        tmp_path / "net.tflite", "tflite", SPEC, "fp32", hashes, PROVENANCE, {"layout": "nhwc"}
    )
    return manifest.write_inside(artifact, tmp_path)


@pytest.fixture
def engine(tmp_path: Path) -> Artifact:
    """An engine with both sidecar files."""
    names = ("net.engine", "net.engine.onnx", "net-trt.pth")
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    first, *others = ({name: files.sha256(tmp_path / name)} for name in names)
    sidecars = {name: digest for each in others for name, digest in each.items()}
    artifact = Artifact(tmp_path / "net.engine", "tensorrt", SPEC, "fp32", first, PROVENANCE, {}, sidecars)
    manifest.write(artifact, tmp_path)
    return artifact
