from __future__ import annotations

import bz2
import gzip
import lzma
import os
import resource
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from posedeploy.checkpoints.reader import read
from posedeploy.errors import CheckpointError
from posedeploy.pickles import meter
from tests.checkpoints.test_reader import WEIGHTS


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A checkpoint, in a folder of its own."""
    (tmp_path / "in").mkdir()
    torch.save({"state_dict": WEIGHTS}, tmp_path / "in" / "a.pth")
    return tmp_path / "in" / "a.pth"


def _tar(mode: Any) -> Callable[[Path, Path], None]:
    def pack(source: Path, path: Path) -> None:
        with tarfile.open(path, mode) as archive:
            archive.add(source, "run/a.pth")

    return pack


def _zip(method: int) -> Callable[[Path, Path], None]:
    def pack(source: Path, path: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("readme.txt", "a checkpoint")
            archive.write(source, "a.pth")

    return pack


def _members_compressed(source: Path, path: Path) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))


def _unpacked(source: Path, path: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        archive.extractall(path)


def _inner_folder(source: Path, path: Path) -> None:
    _unpacked(source, path)
    inner = path / source.stem
    for name in inner.iterdir():
        name.rename(path / name.name)
    inner.rmdir()


PACKINGS: dict[str, tuple[Callable[[Path, Path], Any], str]] = {
    "tar": (_tar("w"), "a tar archive, as run/a.pth"),
    "tar.gz": (_tar("w:gz"), "a tar archive, as run/a.pth"),
    "tar.xz": (_tar("w:xz"), "a tar archive, as run/a.pth"),
    "zip": (_zip(zipfile.ZIP_STORED), "a zip archive, as a.pth"),
    "deflated zip": (_zip(zipfile.ZIP_DEFLATED), "a zip archive, as a.pth"),
    "gz": (lambda source, path: path.write_bytes(gzip.compress(source.read_bytes())), "gzip"),
    "bz2": (lambda source, path: path.write_bytes(bz2.compress(source.read_bytes())), "bzip2"),
    "xz": (lambda source, path: path.write_bytes(lzma.compress(source.read_bytes())), "xz"),
    "archive packed again": (_members_compressed, ""),
    "folder that holds the folder": (_unpacked, "a folder"),
    "folder": (_inner_folder, "a folder"),
}


@pytest.mark.parametrize("kind", PACKINGS)
def test_the_one_checkpoint_in_an_archive_or_folder_is_read(tmp_path: Path, plain: Path, kind: str) -> None:
    pack, around = PACKINGS[kind]
    pack(plain, tmp_path / "packed.pth")
    checkpoint = read(tmp_path / "packed.pth")
    assert checkpoint.tensors.keys() == WEIGHTS.keys()
    assert all(torch.equal(checkpoint.tensors[name], WEIGHTS[name]) for name in WEIGHTS)
    assert around in " ".join(checkpoint.weights.archives)


def _several(folder: Path) -> None:
    for name in ("a.pth", "b.pth"):
        torch.save(WEIGHTS, folder / name)
    with zipfile.ZipFile(folder / "x", "w") as archive:
        archive.write(folder / "a.pth", "a.pth")
        archive.write(folder / "b.pth", "b.pth")


def _scripted(folder: Path) -> None:
    torch.jit.script(nn.Conv2d(3, 2, 1)).save(str(folder / "x"))


def _exported(folder: Path) -> None:
    with zipfile.ZipFile(folder / "x", "w") as archive:
        for name in ("data/weights/weight_0", "models/model.json", "data/sample_inputs/model.pt"):
            archive.writestr(f"exported/{name}", b"")
        archive.writestr("exported/archive_format", b"pt2")


def _folder_of(folder: Path) -> None:
    (folder / "x").mkdir()
    (folder / "x" / "notes.txt").write_text("epoch 3")
    torch.save(WEIGHTS, folder / "x" / "best.ckpt")


def _nested(folder: Path) -> None:
    content = b"x"
    for _ in range(5):
        content = gzip.compress(content)
    (folder / "x").write_bytes(content)


def _encrypted(folder: Path) -> None:
    torch.save(WEIGHTS, folder / "x")
    content = bytearray((folder / "x").read_bytes())
    for index in range(len(content) - 4):
        if content[index : index + 4] == b"PK\x01\x02":
            content[index + 8] |= 1
    (folder / "x").write_bytes(content)


def _tar_of_old(folder: Path) -> None:
    with tarfile.open(folder / "x", "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            archive.addfile(tarfile.TarInfo(name))


def _writes(content: bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / "x").write_bytes(content)


NOT_CHECKPOINTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "html": (
        _writes(b"\n<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>"),
        "an HTML page, not a checkpoint; it is often a download warning",
    ),
    "html without a type": (_writes(b"<HTML><body>404</body></HTML>"), "an HTML page, not a checkpoint"),
    "lfs": (
        _writes(b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n"),
        "a Git LFS pointer, not a checkpoint; run `git lfs pull`",
    ),
    "json": (
        _writes(b'{"message": "Not Found"}'),
        r"a JSON document \('\{\"message\": \"Not Found\"\}'\), not a checkpoint; if it is a server's error",
    ),
    "an index": (_writes(b'{"weight_map": {}}'), "the index of a checkpoint in several files"),
    "xml": (_writes(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"), "an XML document"),
    "text": (_writes(b"404: Not Found"), r"a text file \('404: Not Found'\), not a checkpoint"),
    "torchscript": (_scripted, "a TorchScript program, not a checkpoint; rename it to STEM.torchscript"),
    "torch.export": (_exported, r"a torch\.export program, not a checkpoint; save its weights, "),
    "onnx": (
        _writes(b"\x08\x0a\x12\x07pytorch\x1a"),
        r"an ONNX model, not a checkpoint; rename it to STEM\.onnx",
    ),
    "openvino": (_writes(b'<?xml version="1.0"?>\n<net name="a">'), r"an OpenVINO model, .* STEM\.xml"),
    "tflite": (_writes(b"\x1c\0\0\0TFL3"), r"a TFLite model, not a checkpoint; rename it to STEM\.tflite"),
    "tensorrt": (_writes(b"ftrt\0\0"), r"a TensorRT engine, not a checkpoint; rename it to STEM\.engine"),
    "keras": (_writes(b"\x89HDF\r\n\x1a\n"), "an HDF5 file, such as Keras writes, not a checkpoint"),
    "npz": (
        lambda folder: (np.savez(folder / "x.npz", a=np.ones(2)), (folder / "x.npz").rename(folder / "x")),
        r"an archive of NumPy arrays \(\.npz\), not a checkpoint; save them as tensors",
    ),
    "image": (_writes(b"\x89PNG\r\n\x1a\n"), "an image, not a checkpoint"),
    "7z": (_writes(b"7z\xbc\xaf\x27\x1c"), "a 7z archive, not a checkpoint; unpack it first"),
    "noise": (_writes(np.random.RandomState(0).bytes(5000)), "damaged, or not a PyTorch checkpoint"),
    "several": (_several, r"a zip archive with 2 checkpoints: a\.pth, b\.pth; unpack it and pass one"),
    "a folder": (_folder_of, r"a folder that holds best\.ckpt; pass the checkpoint file"),
    "an empty folder": (lambda folder: (folder / "x").mkdir(), "a folder without a checkpoint; pass"),
    "PyTorch 0.1": (_tar_of_old, r"in the format of PyTorch 0\.1; convert it in a program that you trust"),
    "nothing": (lambda folder: None, "no such file; pass a checkpoint file"),
    "a pipe": (lambda folder: os.mkfifo(folder / "x"), "a named pipe, which posedeploy does not read"),
    "an archive without": (
        lambda folder: zipfile.ZipFile(folder / "x", "w").close(),
        "a zip archive with no checkpoint",
    ),
    "nested archives": (_nested, "4 archives inside each other; unpack it first"),
    "an encrypted archive": (_encrypted, r"damaged, or not a PyTorch checkpoint: \S+ is encrypted"),
    "a cut off gz": (_writes(gzip.compress(bytes(1000))[:-9]), "gzip that is damaged or cut off"),
}


@pytest.mark.parametrize("kind", NOT_CHECKPOINTS)
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_another_kind_of_file_is_named(tmp_path: Path, kind: str) -> None:
    make, message = NOT_CHECKPOINTS[kind]
    make(tmp_path)
    with pytest.raises(CheckpointError, match=rf"^{tmp_path}/x: .*{message}") as refusal:
        read(tmp_path / "x")
    assert "\n" not in str(refusal.value)


def test_the_weights_of_an_openvino_model_are_recognized_by_its_xml(tmp_path: Path) -> None:
    (tmp_path / "a.xml").touch()
    (tmp_path / "a.bin").write_bytes(np.random.RandomState(1).bytes(500))
    with pytest.raises(CheckpointError, match=r"the weights of an OpenVINO model, .*; pass .*/a\.xml$"):
        read(tmp_path / "a.bin")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_program_of_torch_export_is_named(tmp_path: Path) -> None:
    program = torch.export.export(nn.Conv2d(3, 2, 1), (torch.zeros(1, 3, 4, 4),))
    torch.export.save(program, tmp_path / "x.pt2")
    with pytest.raises(CheckpointError, match=r"a torch\.export program, not a checkpoint; save its weights"):
        read(tmp_path / "x.pt2")


def test_a_decompression_bomb_is_an_error_before_it_fills_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "BASE_BYTES", 1 << 20)
    (tmp_path / "x").write_bytes(gzip.compress(bytes(5 << 20)))
    with pytest.raises(CheckpointError, match=r"it has more than \d+ bytes unpacked"):
        read(tmp_path / "x")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_tar_of_nested_headers_is_damaged(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("a")
    info.type = kind
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) * 2000 + bytes(1024))
    with pytest.raises(CheckpointError, match=r"a tar archive that is damaged or cut off"):
        read(tmp_path / "a.tar")


def test_a_file_that_changes_during_reading_is_an_error(plain: Path) -> None:
    def measure_distance(shapes: object) -> int:
        os.utime(plain, (1, 1))
        return 0

    with pytest.raises(CheckpointError, match="the file changed during reading; run the command again"):
        read(plain, measure_distance=measure_distance)


def test_a_folder_is_identified_by_its_content(tmp_path: Path, plain: Path) -> None:
    _unpacked(plain, tmp_path / "one")
    _unpacked(plain, tmp_path / "two")
    assert read(tmp_path / "one").sha256 == read(tmp_path / "two").sha256
    (tmp_path / "two" / "a" / "data" / "0").write_bytes(bytes(24))
    assert read(tmp_path / "one").sha256 != read(tmp_path / "two").sha256


def test_an_archive_may_hold_more_files_than_can_be_open(tmp_path: Path, plain: Path) -> None:
    """Only the checkpoint counts toward what may be unpacked, too."""
    with zipfile.ZipFile(tmp_path / "run.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(200):
            archive.writestr(f"logs/{number}.txt", "step 1\n" * 200_000)
        archive.write(plain, "best.pth")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 100, hard))
    try:
        checkpoint = read(tmp_path / "run.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert checkpoint.tensors.keys() == WEIGHTS.keys()
