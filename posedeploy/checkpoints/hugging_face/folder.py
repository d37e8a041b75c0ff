"""The files of a model folder: the configuration, the image processor and the weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch

from posedeploy.checkpoints.reader import read
from posedeploy.errors import CheckpointError, InputError, MisfitError
from posedeploy.file_states import FileState, hash_file, state_of
from posedeploy.input_files import exists_as_file
from posedeploy.printable import listed, printable
from posedeploy.text_files import read_json

CONFIG = "config.json"
PROCESSORS = {"preprocessor_config.json": None, "processor_config.json": "image_processor"}
"""The files that may describe the image processor, each with the key of its table; None: the whole file."""
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""The files that may hold all weights. Their index, if they are split, has ``INDEX_SUFFIX``."""
INDEX_SUFFIX = ".index.json"
DOWNLOAD = "hf download {} --local-dir {}"
_Hashes: TypeAlias = Mapping[Path, tuple[str, FileState]]
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class ModelFolder:
    """The content of a model folder.

    processor: the description of the image processor; None if there is none. sha256: of the names and hashes
    of the files that were read.
    """

    path: Path
    config: Mapping[str, Any]
    processor: Mapping[str, Any] | None
    tensors: Mapping[str, torch.Tensor]
    sha256: str


def is_model_folder(path: Path) -> bool:
    """Return whether a path is a folder with the configuration of a model."""
    return path.is_dir() and (path / CONFIG).is_file()


def check_hub_name(path: Path) -> None:
    """Check that a missing path is not the name of a model on the Hugging Face Hub.

    Raises:
        CheckpointError: it has the form of one.
    """
    if not path.suffix and _HUB_NAME.fullmatch(path.as_posix()) and not path.exists():
        download = DOWNLOAD.format(path.as_posix(), path.name)
        raise CheckpointError(
            f"{path}: there is no such file or folder. If this is a model on huggingface.co, download it: "
            f"{download}, then pass the folder {path.name}"
        )


def check_configuration(path: Path) -> None:
    """Check that a path is not the configuration inside a model folder.

    Raises:
        CheckpointError: it is.
    """
    if path.name == CONFIG and path.is_file():
        raise CheckpointError(f"{path}: the configuration of a model; pass its folder, {path.parent}")


@contextmanager
def suggest_folder(path: Path) -> Iterator[None]:
    """Name the model folder of a file in the error about weights of an unknown network.

    Raises:
        MisfitError: the block raises it.
    """
    try:
        yield
    except MisfitError as error:
        if not is_model_folder(path.parent):
            raise
        raise MisfitError(f"{error}. For a model of transformers, pass its folder, {path.parent}") from error


def read_config(path: Path) -> Mapping[str, Any]:
    """Return the configuration of a model folder.

    Raises:
        CheckpointError: it is damaged, or not a JSON object.
    """
    return _read_object(path / CONFIG)


def read_folder(path: Path, config: Mapping[str, Any]) -> ModelFolder:
    """Read the image processor and all weights of a model folder.

    Raises:
        CheckpointError: a file is missing, damaged or unreadable, or changes while it is read.
    """
    files = _weight_files(path)
    processor, processor_file = _read_processor(path)
    before = _hash_files(path, processor_file, files)
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        for name, tensor in read(file).tensors.items():
            if name in tensors:
                raise CheckpointError(
                    f"{file}: {printable(name)} is also in another file; download {path} again"
                )
            tensors[name] = tensor
    is_changed = (read_config(path), _read_processor(path)[0]) != (config, processor)
    if is_changed or any(state_of(file) != state for file, (_, state) in before.items()):
        raise CheckpointError(f"{path}: a file changed during reading; run the command again")
    return ModelFolder(path, config, processor, tensors, _digest(before))


def hash_folder(path: Path) -> str:
    """Return the hash of a model folder, as in ``ModelFolder``, without reading its tensors.

    Raises:
        CheckpointError: a file is missing, damaged or unreadable.
    """
    return _digest(_hash_files(path, _read_processor(path)[1], _weight_files(path)))


def _hash_files(path: Path, processor: Path | None, weights: Sequence[Path]) -> _Hashes:
    return {file: _hash(file) for file in (path / CONFIG, *filter(None, [processor]), *weights)}


def _digest(hashes: _Hashes) -> str:
    digest = hashlib.sha256()
    for file, (sha256, _) in hashes.items():
        digest.update(f"{file.name}\0{sha256}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _hash(file: Path) -> tuple[str, FileState]:
    try:
        return hash_file(file)
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror}); pass a readable folder") from error


def _weight_files(path: Path) -> list[Path]:
    """Return the files with the weights: one, or those that an index names."""
    for name in WEIGHTS:
        if (path / name).is_file():
            return [path / name]
        if (path / f"{name}{INDEX_SUFFIX}").is_file():
            return [*_split_files(path / f"{name}{INDEX_SUFFIX}")]
    others = sorted(file.name for file in path.iterdir() if file.is_file() and file.name != CONFIG)
    raise CheckpointError(
        f"{path}: no weights; expected {' or '.join(WEIGHTS)}, or the same with {INDEX_SUFFIX}, but the "
        f"other files are {listed(others) or 'none'}; download the model again with its weights"
    )


def _split_files(index: Path) -> Iterator[Path]:
    table = _read_object(index).get("weight_map")
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()) or not table:
        raise CheckpointError(f"{index}: weight_map must name the file of each tensor; download it again")
    for name in sorted(set(table.values())):
        if Path(name).name != name or not name:
            raise CheckpointError(
                f"{index}: weight_map names {printable(name)}; expected files in the same folder"
            )
        file = index.with_name(name)
        if not exists_as_file(file):
            raise CheckpointError(f"{index}: its file {printable(name)} is missing; download the model again")
        yield file


def _read_processor(path: Path) -> tuple[Mapping[str, Any] | None, Path | None]:
    for name, key in PROCESSORS.items():
        if (path / name).is_file():
            content = _read_object(path / name)
            table = content if key is None else content.get(key)
            if isinstance(table, dict):
                return table, path / name
    return None, None


def _read_object(path: Path) -> Mapping[str, Any]:
    try:
        content: Mapping[str, Any] = read_json(path, "a JSON file of a model", dict[str, Any])
    except InputError as error:
        raise CheckpointError(f"{error}; download the model again") from error
    return content
