"""The one checkpoint in a file, in an archive around it, or in the folder that it was unpacked to."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from posedeploy import content_kinds
from posedeploy.checkpoints.archive_members import Member, members_of
from posedeploy.content_kinds import KINDS, Kind, kind_of
from posedeploy.errors import CheckpointError
from posedeploy.file_states import FileState, hash_file, hash_stream, state_of
from posedeploy.input_files import check_regular
from posedeploy.limits import MAX_LAYERS
from posedeploy.pickles.archives import FolderArchive, ZipArchive, unpack
from posedeploy.pickles.meter import Meter
from posedeploy.pickles.regions import FileRegion
from posedeploy.pickles.torch_zip import find_root
from posedeploy.pickles.values import PickleError
from posedeploy.printable import listed, printable
from posedeploy.zip_files import CHUNK, DAMAGED_ZIP

DECOMPRESSORS: dict[str, Callable[[BinaryIO], Any]] = {
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}
QUOTED = ("json", "text", "xml")
"""Kinds of files whose first characters are quoted in messages."""


@dataclass(frozen=True)
class Container:
    """The checkpoint in a file: its kind, its bytes or its folder, and the archives around it.

    sha256: of the whole file; for a folder, of the names and hashes of its files. opened: closes the files.
    states: the states of the files when they were hashed.
    """

    path: Path
    kind: Kind
    content: FileRegion | FolderArchive
    around: tuple[str, ...]
    sha256: str
    meter: Meter
    opened: ExitStack
    states: Mapping[Path, FileState]

    def check_unchanged(self) -> None:
        """Compare the file, or each file of the folder, with its state from before it was hashed.

        Raises:
            CheckpointError: a file was changed since.
        """
        if any(state_of(path) != state for path, state in self.states.items()):
            raise CheckpointError(f"{self.path}: the file changed during reading; run the command again")


@contextmanager
def open_container(path: Path) -> Iterator[Container]:
    """Find the checkpoint; its bytes can be read until the block ends.

    Raises:
        CheckpointError: the path is missing or unreadable, or holds another kind of file, no checkpoint or
            several; the message names the kind.
    """
    with ExitStack() as opened:
        with convert_read_errors(path):
            container = _open_folder(path, opened) if path.is_dir() else _open_file(path, opened)
        yield container


@contextmanager
def convert_read_errors(path: Path) -> Iterator[None]:
    """Turn the errors of reading a checkpoint into a ``CheckpointError``.

    Raises:
        CheckpointError: the block raises an ``OSError`` or ``PickleError``.
    """
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except PickleError as error:
        raise CheckpointError(
            f"{path}: damaged, or not a PyTorch checkpoint: {error}; download or copy it again"
        ) from error


def _open_file(path: Path, opened: ExitStack) -> Container:
    check_regular(path, "a checkpoint file", CheckpointError)
    states = {path: state_of(path)}
    file: BinaryIO = opened.enter_context(path.open("rb", buffering=0))
    whole = FileRegion(file, 0, os.fstat(file.fileno()).st_size)
    digest = hash_stream(file, whole.size)
    if whole.size == 0:
        raise CheckpointError(f"{path}: the file is empty; download or copy it again")
    meter = Meter(whole.size)
    region, kind, around = _open_innermost(path, whole, meter, opened)
    return Container(path, kind, region, around, digest, meter, opened, states)


def _open_innermost(
    path: Path, region: FileRegion, meter: Meter, opened: ExitStack
) -> tuple[FileRegion, Kind, tuple[str, ...]]:
    """Open the archives around a checkpoint; return it, its kind and the archives."""
    around: list[str] = []
    for _ in range(MAX_LAYERS):
        kind = kind_of(region.stream())
        if kind.name in DECOMPRESSORS:
            around.append(kind.what)
            region = _decompress(kind, region, meter, opened)
        elif kind.name in ("tar", "zip"):
            name, region = _find_only_checkpoint(path, kind, members_of(kind, region, meter, opened))
            around.append(f"{kind.what}, as {printable(name)}")
        else:
            _check(path, kind, region)
            return region, kind, tuple(around)
    raise CheckpointError(f"{path}: {MAX_LAYERS} archives inside each other; unpack it first")


def _check(path: Path, kind: Kind, region: FileRegion) -> None:
    """Raise an error unless the kind may be a checkpoint; a text can still be an old pickle."""
    if kind.weights or kind.name in ("text", "unknown"):
        return
    raise CheckpointError(explain_refusal(path, kind, region))


def explain_refusal(path: Path, kind: Kind, region: FileRegion) -> str:
    """Return the message for a file that is not a checkpoint."""
    if kind.name == "unknown" and path.suffix == ".bin" and path.with_suffix(".xml").is_file():
        return f"{path}: the weights of an OpenVINO model, not a checkpoint; pass {path.with_suffix('.xml')}"
    if kind.name == "unknown":
        return f"{path}: damaged, or not a PyTorch checkpoint; download or copy it again"
    if kind.name not in QUOTED:
        return kind.describe_mismatch(path)
    beginning = printable(region.head(60).decode("utf-8", "replace").strip())
    return f"{path}: {kind.what} ({beginning!r}), not a checkpoint; {kind.remedy}"


def _decompress(kind: Kind, region: FileRegion, meter: Meter, opened: ExitStack) -> FileRegion:
    try:
        with DECOMPRESSORS[kind.name](region.stream()) as source:
            return unpack(iter(partial(source.read, CHUNK), b""), meter.max_bytes, opened)
    except (OSError, *DAMAGED_ZIP) as error:
        raise PickleError(f"{kind.what} that is damaged or cut off") from error


def _find_only_checkpoint(path: Path, kind: Kind, archived: Iterator[Member]) -> tuple[str, FileRegion]:
    members = {member.name: member for member in archived}
    if {"pickle", "storages", "tensors"} <= members.keys():
        raise CheckpointError(
            f"{path}: in the format of PyTorch 0.1; convert it in a program that you trust: "
            "torch.save(torch.load(path, weights_only=False), 'new.pth')"
        )
    weights = [name for name, member in members.items() if member.kind.weights]
    names = [name for name in weights if members[name].kind.name != "pickle"] or weights
    if len(names) != 1:
        what = (
            f"{len(names)} checkpoints: {listed(names)}" if names else f"no checkpoint: {listed([*members])}"
        )
        raise CheckpointError(f"{path}: {kind.what} with {what}; unpack it and pass one file")
    return names[0], members[names[0]].open()


def _open_folder(path: Path, opened: ExitStack) -> Container:
    for folder in (path, *sorted(inner for inner in path.iterdir() if inner.is_dir())):
        if (folder / "data.pkl").is_file() and (folder / "data").is_dir():
            archive = FolderArchive(folder)
            size = sum((folder / name).stat().st_size for name in archive.names)
            digest = hashlib.sha256()
            states = {}
            for name in archive.names:
                hashed, states[folder / name] = hash_file(folder / name)
                digest.update(f"{name}\0{hashed}\n".encode(errors="surrogateescape"))
            meter = Meter(size)
            around = (KINDS["folder"].what,)
            return Container(
                path, KINDS["torch-zip"], archive, around, digest.hexdigest(), meter, opened, states
            )
    names = [inner.name for inner in sorted(path.iterdir()) if _is_checkpoint(inner)]
    if names:
        raise CheckpointError(f"{path}: a folder that holds {listed(names)}; pass the checkpoint file")
    raise CheckpointError(f"{path}: a folder without a checkpoint; pass a checkpoint or a model file")


def _is_checkpoint(path: Path) -> bool:
    kind = content_kinds.kind_of_file(path) if path.is_file() else None
    return kind is not None and kind.weights


def archive_of(container: Container) -> tuple[Any, str]:
    """Return a zip archive of PyTorch, or its unpacked folder, and the path of the pickle's folder in it."""
    content = container.content
    archive = (
        content
        if isinstance(content, FolderArchive)
        else ZipArchive(content, container.meter, container.opened)
    )
    root = find_root(archive.names)
    if root is None:
        raise PickleError("its pickle is missing")
    return archive, root
