"""The files of an artifact: their names in the manifest, changes of them, and files that are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy import manifest
from posedeploy.errors import ArtifactError, ManifestError
from posedeploy.types import Artifact
from tests.support.manifests import edit_manifest


@pytest.mark.parametrize("name", ["net.xml", "net.bin"])
def test_a_changed_file_is_refused(artifact: Artifact, name: str) -> None:
    artifact.path.with_name(name).write_bytes(b"changed")
    with pytest.raises(
        ManifestError, match=rf"{name}: its SHA-256 is .* records .* the file was changed after"
    ):
        manifest.read(artifact.path)


def test_missing_weights_are_an_error(artifact: Artifact) -> None:
    artifact.path.with_name("net.bin").unlink()
    with pytest.raises(
        ManifestError, match=r"it lists net\.bin, which is missing; export the artifact again"
    ):
        manifest.read(artifact.path)


FOREIGN = [
    "../secret", "/etc/passwd", "a/b", "", ".", "..", "photo.jpg", "net.BIN", "NET.bin", "net.bin ",
    "net.bin/", "./net.bin", "net\0.bin", "other.bin", "net.xml.posedeploy.json", "nét.bin",
    "net.engine.onnx",
]  # fmt: skip


@pytest.mark.parametrize("field", ["files", "sidecars"])
@pytest.mark.parametrize("name", FOREIGN)
def test_a_manifest_with_unexpected_files_is_refused(artifact: Artifact, name: str, field: str) -> None:
    named = artifact.files if field == "files" else {}
    edit_manifest(artifact, **{field: {**named, name: "0" * 64}})
    with pytest.raises(
        ManifestError,
        match=r"names 'net\.xml', 'net\.bin', .*; expected the files of an export to openvino, net\.xml",
    ):
        manifest.read(artifact.path)
    assert manifest.outdated(artifact.path) == []


@pytest.mark.parametrize("stem", ["../net", "/net", "a/net", "", "net\0"])
def test_a_manifest_with_files_in_other_folders_is_refused(artifact: Artifact, stem: str) -> None:
    edit_manifest(artifact, files={f"{stem}.xml": "0" * 64, f"{stem}.bin": "0" * 64})
    with pytest.raises(
        ManifestError, match=r"expected the files of an export to openvino, NAME\.xml, NAME\.bin; export"
    ):
        manifest.read_recorded(artifact.path)


def test_a_manifest_without_a_required_file_is_refused(artifact: Artifact) -> None:
    edit_manifest(artifact, files={"net.xml": artifact.files["net.xml"]})
    with pytest.raises(
        ManifestError, match=r"names 'net\.xml'; expected the files of an export to openvino, net\.xml, n"
    ):
        manifest.read(artifact.path)


def test_a_missing_artifact_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such file"):
        manifest.read(tmp_path / "net.xml")


def test_a_folder_is_not_an_artifact(tmp_path: Path) -> None:
    (tmp_path / "net.xml").mkdir()
    with pytest.raises(ArtifactError, match="is a folder, not a model file"):
        manifest.read(tmp_path / "net.xml")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="wants a file that no one can read: Linux")
@pytest.mark.parametrize(
    ("name", "kind"), [("net.bin", ArtifactError), ("net.xml.posedeploy.json", ManifestError)]
)
def test_a_file_that_cannot_be_read_is_refused(artifact: Artifact, name: str, kind: type[Exception]) -> None:
    path = artifact.path.with_name(name)
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with pytest.raises(kind, match=rf"{name}: cannot be read \(Input/output error\)"):
        manifest.read(artifact.path)
