"""Artifacts and checkpoints that were renamed, moved or replaced, on the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from posedeploy.manifest_document import seal
from posedeploy.types import Array
from tests.commands.conftest import Invoke, words
from tests.predict.conftest import PEOPLE, write_image

FAMILY = ("--family", "lightweight-openpose-2d")


@pytest.fixture
def copied(human: Path, photo: Array, tmp_path: Path) -> Path:
    """A folder ``out`` with a copy of the artifacts, and ``photo.png`` next to it."""
    write_image(tmp_path / "photo.png", photo)
    return Path(shutil.copytree(human / "out", tmp_path / "out"))


def _predicts(done: Invoke, model: Path) -> None:
    done("predict", model, "photo.png", "-o", "found", "--no-draw")
    assert len(json.loads(Path("found/poses.json").read_text())["annotations"]) == PEOPLE


@pytest.mark.parametrize("with_manifest", [True, False])
@pytest.mark.parametrize("target", ["onnx", "torchscript"])
def test_a_renamed_file_keeps_its_manifest(
    copied: Path, done: Invoke, target: str, with_manifest: bool
) -> None:
    path = (copied / f"human.{target}").rename(copied / f"día 2.{target}")
    if with_manifest:
        (copied / f"human.{target}.posedeploy.json").rename(copied / f"día 2.{target}.posedeploy.json")
    _predicts(done, path)
    shown = words(done("inspect", path).stdout)
    assert "lightweight-openpose-2d" in shown
    assert ("human." in shown.partition("manifest")[2]) == (not with_manifest)


def test_an_ir_is_renamed_with_its_weights(copied: Path, done: Invoke, refused: Callable[..., str]) -> None:
    path = (copied / "human.xml").rename(copied / "b.xml")
    message = refused("predict", path, "photo.png", "-o", "found")
    assert "b.bin: missing: the model file was renamed without it; rename " in message
    (copied / "human.bin").rename(copied / "b.bin")
    _predicts(done, path)
    (copied / "human.xml.posedeploy.json").unlink()
    (copied / "b.bin").unlink()
    message = refused("predict", path, "photo.png", "-o", "found", *FAMILY)
    assert "b.xml: the weights file b.bin is missing; put it next to b.xml" in message


def test_a_changed_file_is_reported_with_the_nearest_manifest(
    copied: Path, invoke: Invoke, refused: Callable[..., str]
) -> None:
    path = (copied / "human.torchscript").rename(copied / "human2.torchscript")
    path.write_bytes(path.read_bytes() + b"more")
    errors = words(invoke("inspect", path).stderr)
    assert "the closest one is human.torchscript.posedeploy.json, which records" in errors
    path.rename(copied / "human.torchscript")
    message = refused("inspect", copied / "human.torchscript")
    assert (
        "the file was changed after it was exported, or is another file; export it again, or describe"
        in message
    )


def test_a_third_party_file_that_replaces_an_artifact_can_be_described(
    copied: Path, done: Invoke, refused: Callable[..., str]
) -> None:
    path = copied / "human.onnx"
    assert "its manifest already describes it" in refused(
        "predict", path, "photo.png", "-o", "found", *FAMILY
    )
    path.write_bytes(path.read_bytes() + b"\xfa\x3e\x01x")  # a field that ONNX does not know
    done("predict", path, "photo.png", "-o", "found", *FAMILY)


def test_parity_finds_the_checkpoint_by_its_hash(
    copied: Path, human: Path, network: tuple[str, str], done: Invoke, refused: Callable[..., str]
) -> None:
    """Another file has the name of the recorded checkpoint, and a copy of the checkpoint has another name."""
    path = copied / "human.onnx"
    manifest = copied / "human.onnx.posedeploy.json"
    document = json.loads(manifest.read_text())
    document["provenance"]["checkpoint"] = "/former/weights/human.pth"
    manifest.write_bytes(seal(document))
    assert "the checkpoint of its export is neither at /former/weights/human.pth" in refused(
        "parity", path, *network
    )
    shutil.copy(human / "human.pth", copied / "renamed.pth")
    (copied / "human.pth").write_bytes(b"another")
    assert "within tolerance of PyTorch" in words(done("parity", path, *network).stdout)
    (copied / "renamed.pth").unlink()
    assert "human.pth: " in refused("parity", path, *network)
    (copied.parent / "weights").mkdir()
    shutil.copy(human / "human.pth", copied.parent / "weights" / "human.pth")
    assert "within tolerance of PyTorch" in words(done("parity", path, *network).stdout)
