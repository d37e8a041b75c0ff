"""Read the named tensors of a checkpoint file without executing any code in it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file

from posedeploy.checkpoints.containers import (
    Container,
    archive_of,
    convert_read_errors,
    explain_refusal,
    open_container,
)
from posedeploy.checkpoints.weight_selection import Choice, Distance, IsComplete, WeightsError, choose
from posedeploy.checkpoints.weight_sets import Shapes, WeightSet, find_sets
from posedeploy.errors import CheckpointError
from posedeploy.pickles.arrays import ArrayRecord
from posedeploy.pickles.calls import CALLS
from posedeploy.pickles.reading import load_pickle
from posedeploy.pickles.regions import FileRegion
from posedeploy.pickles.tensors import TensorRecord
from posedeploy.pickles.torch_zip import load_torch_archive
from posedeploy.pickles.values import PickleError, StandIn, Unreadable
from posedeploy.printable import listed, printable
from posedeploy.types import TensorSpec, Weights

MAX_UNUSED_KEYS, MAX_NAME = 50, 200
"""Recorded names of unused entries, and characters of each."""


@dataclass(frozen=True)
class Checkpoint:
    """A file's tensors by name, the file's hash, and the place of the tensors in it."""

    path: Path
    sha256: str
    tensors: dict[str, torch.Tensor]
    weights: Weights

    @property
    def shapes(self) -> Shapes:
        """The shape of each tensor by name."""
        return {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}

    @property
    def tensor_specs(self) -> tuple[TensorSpec, ...]:
        """Name, shape and element type of each tensor."""
        return tuple(
            TensorSpec(name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
            for name, tensor in self.tensors.items()
        )


@dataclass(frozen=True)
class Contents:
    """The sets of weights in a checkpoint, before their tensors are read."""

    container: Container
    sets: list[WeightSet]

    def choose(
        self,
        key: str | None = None,
        measure_distance: Distance | None = None,
        is_complete: IsComplete | None = None,
    ) -> Checkpoint:
        """Read the tensors of one set.

        Args:
            key: the ``Weights.key`` of a set, if there are several.
            measure_distance: the distance of tensors of some shapes from a network, 0 if they fit. The set
                and the names that fit best are chosen; without it, the largest set.
            is_complete: whether tensors that fit are all of a network, as for ``weight_selection.choose``.

        Raises:
            CheckpointError: there is no such set, or one of its tensors cannot be read.
        """
        path = self.container.path
        try:
            choice = choose(self.sets, measure_distance, key, is_complete)
            records = choice.weights.tensors
            with convert_read_errors(path):
                tensors = {name: _tensor(old, records[old]) for name, old in choice.view.names.items()}
                self.container.check_unchanged()
        except WeightsError as error:
            raise CheckpointError(f"{path}: {error}") from error
        return Checkpoint(path, self.container.sha256, tensors, _describe(self.container, choice))


@contextmanager
def open_weights(path: Path) -> Iterator[Contents]:
    """Open a checkpoint of any format, whatever its name and other content.

    Raises:
        CheckpointError: the file is missing, unreadable, damaged, of another kind or without weights.
    """
    with open_container(path) as container:
        content = _content(container)
        sets = find_sets(content)
        if not sets:
            raise CheckpointError(_without_weights(path, content))
        yield Contents(container, sets)


def read(
    path: Path,
    key: str | None = None,
    measure_distance: Distance | None = None,
    is_complete: IsComplete | None = None,
) -> Checkpoint:
    """Open a checkpoint and read the tensors of one set (``open_weights``, ``Contents.choose``).

    Raises:
        CheckpointError: as those raise it.
    """
    with open_weights(path) as contents:
        return contents.choose(key, measure_distance, is_complete)


def content_of(path: Path) -> Any:
    """Return the content of a checkpoint file. Its tensors cannot be read after the call.

    Raises:
        CheckpointError: the file is missing, unreadable, damaged or of another kind.
    """
    with open_container(path) as container:
        return _content(container)


def _content(container: Container) -> Any:
    """Return plain containers, tensors (of a safetensors file) or tensor records, and stand-ins."""
    path, kind, content = container.path, container.kind, container.content
    if kind.name == "torch-zip":
        with convert_read_errors(path):
            archive, root = archive_of(container)
            return load_torch_archive(archive, root, container.meter, CALLS)
    assert isinstance(content, FileRegion), "only an archive can be a folder"
    if kind.name == "safetensors":
        return _safetensors(container, content)
    with convert_read_errors(path):
        try:
            return load_pickle(content, container.meter)
        except PickleError as error:
            if kind.weights:
                raise
            raise CheckpointError(explain_refusal(path, kind, content)) from error


def _safetensors(container: Container, content: FileRegion) -> dict[str, torch.Tensor]:
    try:
        if not container.around:
            return load_file(container.path)
        return load(content.array(0, content.size).tobytes())
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{container.path}: damaged safetensors file ({error}); download or copy it again"
        ) from error


def _tensor(name: str, value: Any) -> torch.Tensor:
    if isinstance(value, ArrayRecord):
        value = value.value
    if isinstance(value, torch.Tensor):
        return value.clone()  # safetensors maps the file into memory, and the file may change
    if isinstance(value, TensorRecord):
        return torch.from_numpy(value.bits()).view(getattr(torch, value.element))
    if isinstance(value, Unreadable):
        raise WeightsError(
            f"{printable(name)[:200]} is {value.problem}; save plain floating-point weights from before "
            "quantization or compression"
        )
    return torch.from_numpy(value.astype(value.dtype.newbyteorder("<")))


def _describe(container: Container, choice: Choice) -> Weights:
    view, module = choice.view, choice.weights.module
    return Weights(
        key=choice.label,
        prefix=printable(view.prefix),
        wrappers=view.unwrapped,
        module=printable(module[:MAX_NAME]) if module else None,
        archives=container.around,
        alternatives=choice.others,
        unused_keys=_shorten((*choice.weights.other_keys, *view.left_out)),
    )


def _shorten(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first names, shortened and printable, and how many more there are."""
    more = len(names) - MAX_UNUSED_KEYS
    shown = tuple(printable(name[:MAX_NAME]) for name in names[:MAX_UNUSED_KEYS])
    return (*shown, f"{more} more") if more > 0 else shown


def _without_weights(path: Path, content: Any) -> str:
    if isinstance(content, dict) and {"engine", "input_names"} <= content.keys():
        return (
            f"{path}: a TensorRT engine in a torch2trt file, not weights; extract the engine with: "
            f"posedeploy engine unwrap {shlex.quote(str(path))}"
        )
    if isinstance(content, dict):
        if not content:
            return f"{path}: no weights found, only an empty dictionary; save the model's state dict"
        keys = listed([str(key) for key in content if isinstance(key, str)]) or "no text"
        return (
            f"{path}: no weights found; the keys are {keys}, and none of them holds tensors by name; save "
            "the model's state dict"
        )
    kind = content.kind if isinstance(content, StandIn) else type(content).__name__.removesuffix("Record")
    return (
        f"{path}: no weights found; expected a dictionary of weights, got {printable(kind)}; save the "
        "model's state dict"
    )
