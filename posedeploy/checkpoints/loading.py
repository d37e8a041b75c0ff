"""Weights go into a network strictly, and a checkpoint's family is told from its names and shapes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from posedeploy.checkpoints.reader import Checkpoint, read
from posedeploy.errors import CheckpointError
from posedeploy.families import FAMILIES, family_named
from posedeploy.types import Model

UNUSED_IN_EVAL = ".num_batches_tracked"
"""A counter of BatchNorm that evaluation never reads; checkpoints older than PyTorch 0.4.1 lack it."""


def open_checkpoint(path: Path, family: str | None = None) -> Model:
    """Read a checkpoint of a published network.

    Args:
        path: the file. family: the network's name where it shall not be recognised from the tensors.

    Raises:
        CheckpointError: the file cannot be read, is of no known family, does not fit it exactly, or
            holds NaN or infinity.
        InputError: there is no such family.
    """
    checkpoint = read(path)
    network = import_module(family_named(family).network) if family else _recognise(checkpoint)
    module, spec = network.build(checkpoint.shapes)
    load_weights(module, checkpoint)
    return Model(module, spec, path, checkpoint.sha256)


def _recognise(checkpoint: Checkpoint) -> ModuleType:
    for family in FAMILIES.values():
        network = import_module(family.network)
        if network.recognises(checkpoint.shapes):
            return network
    names = list(checkpoint.shapes)
    raise CheckpointError(
        f"{checkpoint.path}: of no network known here; it holds {len(names)} tensors from {names[0]} to "
        f"{names[-1]}, and known are {', '.join(FAMILIES)}. Your own network goes in with --network "
        "FILE.py:FUNCTION"
    )


def load_weights(module: nn.Module, checkpoint: Checkpoint) -> None:
    """Put every tensor in its place and the network in eval mode, float32, on the CPU.

    Raises:
        CheckpointError: a tensor is missing, left over, of another shape, not numeric, NaN or infinite.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    found = checkpoint.shapes
    counters = {name for name in wanted.keys() | found.keys() if name.endswith(UNUSED_IN_EVAL)}
    missing = [name for name in wanted if name not in found and name not in counters]
    left_over = [name for name in found if name not in wanted and name not in counters]
    misshaped = [
        f"{name} {_shape(found[name])}, wanted {_shape(wanted[name])}"
        for name in wanted
        if name in found and found[name] != wanted[name]
    ]
    faults = [
        f"{len(names)} {what}: {_listed(names)}"
        for what, names in (("missing", missing), ("left over", left_over), ("mis-shaped", misshaped))
        if names
    ]
    if faults:
        raise CheckpointError(f"{checkpoint.path}: does not fit the network. " + ". ".join(faults))
    broken = [name for name, tensor in checkpoint.tensors.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise CheckpointError(
            f"{checkpoint.path}: NaN or infinite weights in {_listed(broken)}; training diverged"
        )
    module.float()
    module.load_state_dict(
        {name: tensor for name, tensor in checkpoint.tensors.items() if name in wanted}, strict=not counters
    )
    module.eval().requires_grad_(False)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
