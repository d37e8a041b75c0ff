"""The search for a recorded file at paths that the user may not examine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posedeploy import files
from posedeploy.api.certificate.document import RecordedFile
from posedeploy.api.certificate.locate import FileSearch
from posedeploy.api.certificate.located_checkpoints import find_checkpoint
from posedeploy.api.recorded_files import find_recorded_checkpoint, find_recorded_mesh
from posedeploy.checkpoints.content_hash import hash_checkpoint
from posedeploy.meshes.topology import read_mesh
from posedeploy.types import Artifact
from tests.predict.conftest import spec_of


def test_a_path_that_cannot_be_examined_counts_as_missing(tmp_path: Path) -> None:
    """A name that is too long replaces a folder without permission, because root can open such a folder."""
    (tmp_path / "renamed.pth").write_bytes(b"\x80\x02}.")
    sha256 = files.sha256(tmp_path / "renamed.pth")
    artifact = Artifact(tmp_path / "net.onnx", "onnx", spec_of("lightweight-openpose-2d"), "fp32")
    recorded = str(tmp_path / ("x" * 300) / ("y" * 300))
    assert find_recorded_mesh(artifact, recorded, None) is None
    assert find_recorded_checkpoint(artifact, recorded, sha256) == tmp_path / "renamed.pth"


def test_a_checkpoint_is_found_if_a_folder_that_contains_it_was_moved(tmp_path: Path) -> None:
    for folder in ("weights/v1", "out/onnx"):
        (tmp_path / "new" / folder).mkdir(parents=True)
    moved = tmp_path / "new" / "weights" / "v1" / "net.pth"
    moved.write_bytes(b"weights")
    (tmp_path / "net.pth").write_bytes(b"others")
    artifact = Artifact(
        tmp_path / "new/out/onnx/net.onnx", "onnx", spec_of("lightweight-openpose-2d"), "fp32"
    )
    recorded = str(tmp_path / "old" / "weights" / "v1" / "net.pth")
    assert find_recorded_mesh(artifact, recorded, None) == moved
    assert find_recorded_checkpoint(artifact, recorded, files.sha256(moved)) == moved


@pytest.mark.parametrize("recorded", ["net.pth", "weights/net.pth", "été/weights/net.pth"])
def test_a_relative_path_is_searched_for_below_the_folders_of_the_artifact(
    recorded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for folder in ("out", "weights"):
        (tmp_path / folder).mkdir()
    path = tmp_path / ("weights" if "/" in recorded else "out") / "net.pth"
    path.write_bytes(b"weights")
    artifact = Artifact(tmp_path / "out/net.onnx", "onnx", spec_of("lightweight-openpose-2d"), "fp32")
    assert find_recorded_checkpoint(artifact, recorded, files.sha256(path)) == path


def test_a_mesh_is_chosen_by_its_triangles(tmp_path: Path) -> None:
    """An unrelated file with the same name is closer to the artifact, and one is no mesh at all."""
    for folder in ("out/onnx", "meshes"):
        (tmp_path / "new" / folder).mkdir(parents=True)
    moved, near = tmp_path / "new/meshes/faces.npy", tmp_path / "new/faces.npy"
    np.save(moved, np.array([[0, 1, 2], [1, 2, 3]]))
    np.save(near, np.array([[0, 1, 2]]))
    (tmp_path / "new/out/faces.npy").write_bytes(b"other")
    artifact = Artifact(
        tmp_path / "new/out/onnx/net.onnx", "onnx", spec_of("lightweight-openpose-2d"), "fp32"
    )
    recorded = str(tmp_path / "old/meshes/faces.npy")
    for path in (moved, near):
        assert find_recorded_mesh(artifact, recorded, read_mesh(path).sha256) == path
    assert find_recorded_mesh(artifact, recorded, "0" * 64) == tmp_path / "new/out/faces.npy"


@pytest.mark.parametrize("kind", ["file", "model folder", "unpacked"])
def test_a_folder_with_the_name_of_the_checkpoint_is_not_used(kind: str, tmp_path: Path) -> None:
    right, wrong = tmp_path / "net", tmp_path / "other" / "net"
    if kind == "file":
        right.write_bytes(b"weights")
    for folder in (wrong,) if kind == "file" else (right, wrong):
        inner = folder / "data" if kind == "unpacked" else folder
        inner.mkdir(parents=True)
        (folder / "config.json").write_text("{}") if kind != "unpacked" else None
        (folder / ("data.pkl" if kind == "unpacked" else "model.safetensors")).write_text(str(folder))
    sha256 = hash_checkpoint(right)
    assert sha256 is not None and hash_checkpoint(wrong) not in (None, sha256)
    recorded = RecordedFile(role="checkpoint", path="net", sha256=sha256)
    assert find_checkpoint(recorded, [], FileSearch(tmp_path, tmp_path / "other")) == right
    missing = replace(recorded, sha256="0" * 64)
    assert find_checkpoint(missing, [], FileSearch(tmp_path, tmp_path / "other")) == wrong
