"""The table of kinds of content, which identify a file independently of its name, each with the next step."""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from posedeploy.limits import MAX_SAFETENSORS_HEADER
from posedeploy.zip_files import zip_errors

HEAD_BYTES = 1024


@dataclass(frozen=True)
class Kind:
    """A kind of content.

    what: a noun phrase. remedy: the next step if a checkpoint or a model file was expected. weights: it is a
    checkpoint. packed: it is an archive that may contain one. refused: no reader opens it under any name.
    """

    name: str
    what: str
    remedy: str = ""
    weights: bool = False
    packed: bool = False
    refused: bool = False

    def describe_mismatch(self, path: object, expected: str = "a checkpoint") -> str:
        """Return the message for a file of this kind if another kind was expected."""
        return f"{path}: {self.what}, not {expected}; {self.remedy}"


DOWNLOAD = "download the file itself again"
KINDS = {
    kind.name: kind
    for kind in (
        Kind("torch-zip", "a PyTorch checkpoint", weights=True),
        Kind("torch-legacy", "a PyTorch checkpoint in the format before 1.6", weights=True),
        Kind("safetensors", "a safetensors file", weights=True),
        Kind("pickle", "a pickle", weights=True),
        Kind("zip", "a zip archive", packed=True),
        Kind("tar", "a tar archive", packed=True),
        Kind("gzip", "a file compressed by gzip", packed=True),
        Kind("bzip2", "a file compressed by bzip2", packed=True),
        Kind("xz", "a file compressed by xz", packed=True),
        Kind("folder", "a folder", packed=True),
        Kind(
            "html",
            "an HTML page",
            "it is often a download warning or a login page: open the address in a browser and " + DOWNLOAD,
            refused=True,
        ),
        Kind(
            "lfs",
            "a Git LFS pointer",
            "run `git lfs pull` in its repository, or " + DOWNLOAD,
            refused=True,
        ),
        Kind("json-index", "the index of a checkpoint in several files", "join them into one file first"),
        Kind("json", "a JSON document", "if it is a server's error message, " + DOWNLOAD),
        Kind("xml", "an XML document", "if it is a server's error message, " + DOWNLOAD),
        Kind("text", "a text file", "if it is a server's error message, " + DOWNLOAD),
        Kind(
            "torchscript",
            "a TorchScript program",
            "rename it to STEM.torchscript to run it, or pass the checkpoint that it was exported from",
        ),
        Kind(
            "torch-export",
            "a torch.export program",
            "save its weights, torch.save(torch.export.load(path).state_dict, 'weights.pth'), or pass the "
            "checkpoint that it was exported from",
            refused=True,
        ),
        Kind("aoti", "an AOTInductor package", "rename it to STEM.pt2 to run it"),
        Kind("onnx", "an ONNX model", "rename it to STEM.onnx to run it"),
        Kind("openvino", "an OpenVINO model", "rename it to STEM.xml, with STEM.bin next to it, to run it"),
        Kind("tflite", "a TFLite model", "rename it to STEM.tflite to run it"),
        Kind("tensorrt", "a TensorRT engine", "rename it to STEM.engine to run it"),
        Kind(
            "hdf5",
            "an HDF5 file, such as Keras writes",
            "posedeploy exports PyTorch networks: pass the PyTorch checkpoint",
        ),
        Kind("keras", "a Keras model", "posedeploy exports PyTorch networks: pass the PyTorch checkpoint"),
        Kind(
            "npz",
            "an archive of NumPy arrays (.npz)",
            "save them as tensors by name, torch.save({name: torch.from_numpy(array), ...}, 'weights.pth')",
        ),
        Kind("npy", "a NumPy array", "pass a file with all weights by name"),
        Kind("zstd", "a file compressed by zstd", "unpack it first"),
        Kind("7z", "a 7z archive", "unpack it first"),
        Kind("rar", "a RAR archive", "unpack it first"),
        Kind("image", "an image", "pass the checkpoint here, and the image as the argument for images"),
        Kind("pdf", "a PDF document", "pass the checkpoint"),
        Kind("unknown", "a file of unknown content"),
        Kind("empty", "an empty file", DOWNLOAD),
    )
}
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
"""The first bytes of a zip archive with members, and of an empty one."""
HDF5, NPY = b"\x89HDF\r\n\x1a\n", b"\x93NUMPY"
TENSORRT, TENSORRT_RTX = b"ftrt", b"vtrt"
BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "rar"),
    (HDF5, "hdf5"),
    (NPY, "npy"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"%PDF", "pdf"),
    (TENSORRT, "tensorrt"),
    (b"ptrt", "tensorrt"),
    (TENSORRT_RTX, "tensorrt"),
    (b"version https://git-lfs", "lfs"),
)
MAGIC_PICKLE = re.compile(rb"\x80.(\x95.{8})?\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", re.DOTALL)
"""The number at the beginning of a file of PyTorch before 1.6, as a pickle."""
ONNX = re.compile(rb"\x08[\x01-\x20](\x12[\x00-\x40][\x20-\x7e]|\x3a)")
"""A protobuf message whose field 1 is a small number (the IR version), before a name or the graph."""
MARKUP: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (
        re.compile(rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S),
        "html",
    ),
    (re.compile(rb"(<\?xml[^>]*>\s*)?<net\b", re.I), "openvino"),
    (re.compile(rb"<(\?xml|[a-z])", re.I), "xml"),
    (re.compile(rb"[{\[].*\"weight_map\"", re.S), "json-index"),
    (re.compile(rb"\{\s*(\"|\}|$)|\[\s*[\[{\"\d\]tfn-]"), "json"),
)


def kind_of(stream: BinaryIO, size: int | None = None) -> Kind:
    """Return the kind of the content of a stream.

    Args:
        size: the size of the whole content in bytes, where the stream has only its first ``HEAD_BYTES``,
            which are enough for every kind except zip archives.

    Raises:
        OSError: it cannot be read.
    """
    end = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    name = next((name for beginning, name in BEGINNINGS if head.startswith(beginning)), None)
    return KINDS[name or _detect_structured(head, end if size is None else size, stream)]


def _detect_structured(head: bytes, size: int, stream: BinaryIO) -> str:
    tests: tuple[tuple[bool, Callable[[], str]], ...] = (
        (not head, lambda: "empty"),
        (head.startswith(ZIP), lambda: _detect_zip(stream)),
        (_is_safetensors(head, size), lambda: "safetensors"),
        (MAGIC_PICKLE.match(head) is not None, lambda: "torch-legacy"),
        (head[:1] == b"\x80" and head[1:2] <= b"\x05", lambda: "pickle"),
        (head[257:262] == b"ustar", lambda: "tar"),
        (head[4:8] == b"TFL3", lambda: "tflite"),
        (ONNX.match(head) is not None, lambda: "onnx"),
    )
    return next((name() for matches, name in tests if matches), None) or _detect_text(head)


def _is_safetensors(head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and length <= min(MAX_SAFETENSORS_HEADER, size - 8)


def _detect_text(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, name in MARKUP:
        if pattern.match(text):
            return name
    printable = all(byte >= 32 or byte in b"\t\r\n\f" for byte in head)
    return "text" if printable else "unknown"


def _detect_zip(stream: BinaryIO) -> str:
    try:
        with zip_errors(), zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return "zip"
    parts = {part for name in names for part in name.split("/")}
    tests = (
        ("aotinductor" in parts, "aoti"),
        ("data.pkl" in parts and ({"constants.pkl", "code"} & parts), "torchscript"),
        ("data.pkl" in parts and "models" not in parts, "torch-zip"),
        ({"serialized_exported_program.json", "archive_format"} & parts, "torch-export"),
        ("model.weights.h5" in parts, "keras"),
        (bool(names) and all(name.endswith(".npy") for name in names), "npz"),
    )
    return next((name for matches, name in tests if matches), "zip")


def kind_of_file(path: Path) -> Kind | None:
    """Return the kind of a file or folder; None if it is missing, unreadable, or neither.

    A pipe or a device is never opened.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return KINDS["folder"]
        if not stat.S_ISREG(mode):
            return None
        with path.open("rb") as stream:
            return kind_of(stream)
    except OSError:
        return None
