from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from posedeploy.native_paths import is_utf8, native_path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder whose name is not UTF-8."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    return folder


def test_a_path_that_is_utf8_is_given_as_it_is(tmp_path: Path) -> None:
    with native_path(tmp_path / "día 雪\n.xml") as path:
        assert path == tmp_path / "día 雪\n.xml"


def test_a_file_in_an_odd_folder_keeps_its_name(odd: Path) -> None:
    for name in ("net.xml", "net.bin"):
        (odd / name).write_text(name)
    with native_path(odd / "net.xml") as path:
        assert is_utf8(path) and path.name == "net.xml"
        assert path.with_suffix(".bin").read_text() == "net.bin"
    assert not path.exists()


def test_an_odd_file_is_read_by_another_name_with_what_belongs_to_it(odd: Path) -> None:
    stem = os.fsdecode(b"net\xe9")
    for suffix in (".xml", ".bin", ".onnx.data", "work.bin"):
        (odd / (stem + suffix)).write_text(suffix)
    (odd / "weights.data").write_text("weights")
    with native_path(odd / f"{stem}.xml") as path:
        assert is_utf8(path) and path.read_text() == ".xml"
        assert path.with_suffix(".bin").read_text() == ".bin"
        assert (path.parent / "weights.data").read_text() == "weights"
        assert sorted(other.name for other in path.parent.iterdir()) == [
            "model.bin", "model.onnx.data", "model.xml", "weights.data",
        ]  # fmt: skip
    assert not path.parent.exists()
    assert (odd / f"{stem}.xml").read_text() == ".xml"


def test_what_is_written_into_a_folder_by_another_name_arrives(odd: Path) -> None:
    with native_path(odd) as folder:
        assert is_utf8(folder)
        (folder / "a.txt").write_text("a")
    assert (odd / "a.txt").read_text() == "a"
