"""A checkpoint file becomes named tensors, safely: nothing in it is ever run."""

from __future__ import annotations

import pickle
import pickletools
import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from posedeploy import files
from posedeploy.backends import CHECKPOINT_SUFFIXES
from posedeploy.errors import CheckpointError

WRAPPINGS = ("state_dict", "model_state_dict", "network")
"""The keys under which training scripts save the weights, beside the epoch and the optimizer."""

PREFIX = "module."
"""What ``nn.DataParallel`` puts before every name."""

_DAMAGE = (
    RuntimeError, EOFError, ValueError, LookupError, AttributeError, TypeError, AssertionError,
    ArithmeticError, MemoryError, OSError, struct.error,
)  # fmt: skip
"""What ``torch.load`` raises on bytes that are no checkpoint; ``OSError`` is a seek to before the start."""


@dataclass(frozen=True)
class Checkpoint:
    """A file's tensors by name, unwrapped and without the ``module.`` prefix, and the file's hash."""

    path: Path
    sha256: str
    tensors: dict[str, torch.Tensor]
    wrapping: str | None
    beside: tuple[str, ...]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor by name."""
        return {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}


def read(path: Path) -> Checkpoint:
    """Read a ``.pth``, ``.pth.tar``, ``.pt`` or ``.safetensors`` file.

    Raises:
        CheckpointError: the file is missing, unreadable, damaged, would run code, or holds no weights.
    """
    digest = _digest(path)
    tensors, wrapping, beside = _unwrap(path, _load(path))
    if all(name.startswith(PREFIX) for name in tensors):
        tensors = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}
    return Checkpoint(path, digest, tensors, wrapping, beside)


def content_of(path: Path) -> Any:
    """What a checkpoint file holds, whatever that is.

    Raises:
        CheckpointError: the file is missing, unreadable, damaged, or would run code.
    """
    _digest(path)
    return _load(path)


def _digest(path: Path) -> str:
    """The hash of a file that is named like a checkpoint and is not empty."""
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder; name the checkpoint file in it")
    if not path.name.endswith(CHECKPOINT_SUFFIXES):
        raise CheckpointError(f"{path}: not named like a checkpoint; wanted {', '.join(CHECKPOINT_SUFFIXES)}")
    try:
        digest = files.sha256(path)
        if path.stat().st_size == 0:
            raise CheckpointError(f"{path}: the file is empty; download or copy it again")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    return digest


def _load(path: Path) -> Any:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path}: not a whole safetensors file ({error}); copy it again") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # about TorchScript and old pickles; both are refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = _globals_wanted(path, str(error))
        if not wanted:
            raise CheckpointError(
                f"{path}: damaged, or not a PyTorch checkpoint; download or copy it again"
            ) from error
        raise CheckpointError(
            f"{path}: refused, since reading it would run code: it wants {', '.join(wanted)}. Save only the "
            "weights, torch.save(network.state_dict(), path), in a program that you trust"
        ) from error
    except _DAMAGE as error:
        if "TorchScript" in str(error):
            raise CheckpointError(
                f"{path}: a TorchScript program, not a checkpoint; name it STEM.torchscript to run it, or "
                "give the checkpoint that it was made from"
            ) from error
        raise CheckpointError(
            f"{path}: damaged, or not a PyTorch checkpoint; download or copy it again"
        ) from error


def _globals_wanted(path: Path, message: str) -> list[str]:
    """The names that a refused pickle asks for; the list is empty where it is merely damaged."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except _DAMAGE:  # a bare pickle, not an archive: PyTorch before 1.6, or pickle.dump
        return re.findall(r"GLOBAL ([\w.]+)", message) or _globals_in(path)


def _globals_in(path: Path) -> list[str]:
    """The names that a bare pickle asks for, of any protocol, read without following it."""
    names: list[str] = []
    strings: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(path.read_bytes()):
            if opcode.name == "GLOBAL":
                names.append(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL":
                names.append(".".join(strings[-2:]))
            elif isinstance(argument, str):
                strings.append(argument)
    except _DAMAGE:
        return []
    return list(dict.fromkeys(names))


def _unwrap(path: Path, content: Any) -> tuple[dict[str, torch.Tensor], str | None, tuple[str, ...]]:
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: it holds a {type(content).__name__}, not a dictionary of weights")
    for key in WRAPPINGS:
        inner = content.get(key)
        if isinstance(inner, dict):
            return _tensors(path, inner), key, tuple(str(other) for other in content if other != key)
    return _tensors(path, content), None, ()


def _tensors(path: Path, content: dict[Any, Any]) -> dict[str, torch.Tensor]:
    if {"engine", "input_names"} <= content.keys():
        raise CheckpointError(
            f"{path}: a TensorRT engine that torch2trt wrapped, not weights; take it out with: posedeploy "
            f"engine unwrap {path}"
        )
    strangers = [str(key) for key, value in content.items() if not isinstance(value, torch.Tensor)]
    if strangers or not content:
        raise CheckpointError(
            f"{path}: no weights found; its keys are {listed(strangers) or 'none'}, and wanted were tensors, "
            f"alone or under {', '.join(WRAPPINGS)}"
        )
    return {str(key): value for key, value in content.items()}


def listed(names: list[str]) -> str:
    """The first names of a list that may be long, and how many more there are."""
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
