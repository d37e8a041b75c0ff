from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from posedeploy.native_paths import is_utf8, native_path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode on other systems")


@pytest.fixture
def non_utf8_folder(tmp_path: Path) -> Path:
    """A folder whose name is not UTF-8."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    return folder


def test_a_utf8_path_is_unchanged(tmp_path: Path) -> None:
    with native_path(tmp_path / "día 雪\n.xml") as path:
        assert path == tmp_path / "día 雪\n.xml"


def test_a_file_in_a_non_utf8_folder_keeps_its_name(non_utf8_folder: Path) -> None:
    for name in ("net.xml", "net.bin"):
        (non_utf8_folder / name).write_text(name)
    with native_path(non_utf8_folder / "net.xml") as path:
        assert is_utf8(path) and path.name == "net.xml"
        assert path.with_suffix(".bin").read_text() == "net.bin"
    assert not path.exists()


def test_a_non_utf8_file_is_linked_with_its_neighbors(non_utf8_folder: Path) -> None:
    stem = os.fsdecode(b"net\xe9")
    for suffix in (".xml", ".bin", ".onnx.data", "work.bin"):
        (non_utf8_folder / (stem + suffix)).write_text(suffix)
    (non_utf8_folder / "weights.data").write_text("weights")
    with native_path(non_utf8_folder / f"{stem}.xml") as path:
        assert is_utf8(path) and path.read_text() == ".xml"
        assert path.with_suffix(".bin").read_text() == ".bin"
        assert (path.parent / "weights.data").read_text() == "weights"
        assert sorted(other.name for other in path.parent.iterdir()) == [
            "model.bin", "model.onnx.data", "model.xml", "weights.data",
        ]  # fmt: skip
    assert not path.parent.exists()
    assert (non_utf8_folder / f"{stem}.xml").read_text() == ".xml"


def test_files_written_through_a_link_are_in_the_folder(non_utf8_folder: Path) -> None:
    with native_path(non_utf8_folder) as folder:
        assert is_utf8(folder)
        (folder / "a.txt").write_text("a")
    assert (non_utf8_folder / "a.txt").read_text() == "a"


@pytest.mark.parametrize("name", ["a, b/net.onnx", "a/b,c.onnx"])
def test_a_path_with_a_forbidden_character_is_linked(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text("net")
    with native_path(tmp_path / name, forbidden=",") as path:
        assert "," not in str(path) and path.suffix == ".onnx"
        assert path.read_text() == "net"
