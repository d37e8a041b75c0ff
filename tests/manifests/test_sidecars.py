"""The sidecar files that the next export removes."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy import files, manifest
from posedeploy.errors import ManifestError
from posedeploy.types import Artifact
from tests.support.manifests import edit_manifest


def test_a_copy_does_not_outdate_the_files_of_the_original(engine: Artifact, tmp_path: Path) -> None:
    copy = tmp_path / "copy.engine"
    copy.write_bytes(engine.path.read_bytes())
    assert manifest.outdated(copy) == []


def test_the_sidecar_files_of_an_engine_are_outdated(engine: Artifact) -> None:
    assert manifest.outdated(engine.path) == ["net.engine.onnx", "net-trt.pth"]
    manifest.path_of(engine.path).write_text("{")
    assert manifest.outdated(engine.path) == []


@pytest.mark.parametrize("become", ["changed", "gone", "folder", "link", "link to a folder"])
def test_changed_sidecar_files_are_kept(engine: Artifact, tmp_path: Path, become: str) -> None:
    path = tmp_path / "net-trt.pth"
    theirs = path.rename(tmp_path / "photo.jpg")
    if become == "changed":
        path.write_bytes(b"theirs")
    elif become == "folder":
        path.mkdir()
    elif become != "gone":
        path.symlink_to(tmp_path if "folder" in become else theirs)
    assert manifest.outdated(engine.path) == ["net.engine.onnx"]


@pytest.mark.parametrize(
    "name",
    ["../photo.jpg", "photo.jpg", "NET-trt.pth", "net-trt.PTH", "net-trt.pth/", "other-trt.pth", "net.xml"],
)
def test_a_manifest_with_other_files_removes_none(engine: Artifact, tmp_path: Path, name: str) -> None:
    kept = engine.path.parent / name.rstrip("/")
    kept.write_bytes(b"theirs")
    edit_manifest(engine, sidecars={**engine.sidecars, name: files.sha256(kept)})
    assert manifest.outdated(engine.path) == []
    with pytest.raises(
        ManifestError,
        match=r"expected the files of an export to tensorrt, net\.engine, net\.engine\.onnx, net-",
    ):
        manifest.find(engine.path)
    kept.unlink()
