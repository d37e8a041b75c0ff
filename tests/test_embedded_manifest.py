from __future__ import annotations

import hashlib
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from posedeploy import embedded_manifest

MODEL = bytes(range(256)) * 300


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A model file with an embedded manifest."""
    path = tmp_path / "net.tflite"
    path.write_bytes(MODEL)
    embedded_manifest.append(path, b'{"a": 1}')
    return path


def test_the_manifest_and_the_size_of_the_model_are_read(path: Path) -> None:
    assert embedded_manifest.read(path) == embedded_manifest.EmbeddedManifest(b'{"a": 1}', len(MODEL))
    assert path.read_bytes().startswith(MODEL)
    hashes = hashlib.sha256(MODEL).hexdigest(), hashlib.sha256(path.read_bytes()).hexdigest()
    assert embedded_manifest.hash_both(path, len(MODEL)) == hashes


def test_zip_tools_read_the_uncompressed_manifest(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        (entry,) = archive.infolist()
        assert (entry.filename, entry.compress_type) == (embedded_manifest.NAME, zipfile.ZIP_STORED)
    assert b'posedeploy.json{"a": 1}' in path.read_bytes()


def test_equal_manifests_have_equal_bytes(path: Path, tmp_path: Path) -> None:
    (tmp_path / "again").write_bytes(MODEL)
    embedded_manifest.append(tmp_path / "again", b'{"a": 1}')
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("content", [b"", MODEL, b"PK\x05\x06", MODEL + b"PK\x05\x06" + bytes(18)])
def test_a_file_without_a_manifest_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net").write_bytes(content)
    assert embedded_manifest.read(tmp_path / "net") is None


def test_other_metadata_is_not_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(MODEL)
    with zipfile.ZipFile(tmp_path / "net", "a") as archive:
        archive.writestr("labels.txt", "nose\n")
    assert embedded_manifest.read(tmp_path / "net") is None


def test_a_truncated_file_is_damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(embedded_manifest.DamagedError, match="its bytes were changed, truncated or added to"):
        embedded_manifest.read(path)


@pytest.mark.parametrize("start", [0xFFFFFFFF, 0xFFFFFFF0, len(MODEL) + 1000, 0])
def test_a_zip_with_a_wrong_offset_is_damaged(path: Path, start: int) -> None:
    content = path.read_bytes()
    path.write_bytes(
        content.replace(struct.pack("<I", len(MODEL)) + b"posedep", struct.pack("<I", start) + b"posedep")
    )
    assert path.read_bytes() != content
    with pytest.raises(embedded_manifest.DamagedError, match="its bytes were changed"):
        embedded_manifest.read(path)


def test_random_bytes_after_a_model_are_not_a_manifest(tmp_path: Path) -> None:
    path, random = tmp_path / "net.tflite", np.random.RandomState(0)
    for content in (b"\xff" * 200, *(random.bytes(200) for _ in range(200))):
        path.write_bytes(content)
        assert embedded_manifest.read(path) is None


def test_changed_bytes_are_damage(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'{"a": 1}', b'{"a": 2}'))
    with pytest.raises(embedded_manifest.DamagedError, match="its bytes were changed"):
        embedded_manifest.read(path)


def test_a_compressed_manifest_is_damaged(tmp_path: Path) -> None:
    """A compressed manifest could be a zip bomb."""
    path = tmp_path / "net.tflite"
    path.write_bytes(MODEL)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(embedded_manifest.NAME, " " * 50_000_000)
    with pytest.raises(embedded_manifest.DamagedError, match="its bytes were changed"):
        embedded_manifest.read(path)
