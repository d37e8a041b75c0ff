"""Recognize a checkpoint's family by names and shapes of its tensors, and load them strictly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from posedeploy import plugins
from posedeploy.checkpoints.reader import Checkpoint, read
from posedeploy.checkpoints.refinement_stages import select_stages
from posedeploy.checkpoints.weight_sets import Shapes
from posedeploy.errors import CheckpointError, InputError, MeshMissingError, MisfitError
from posedeploy.families import FAMILIES, Family, family_named
from posedeploy.meshes.topology import read_mesh
from posedeploy.printable import listed
from posedeploy.types import Model, StageCount

UNUSED_IN_EVAL = ".num_batches_tracked"
"""A counter of BatchNorm that evaluation never reads; checkpoints older than PyTorch 0.4.1 lack it."""
_STATISTICS = re.compile(r"(.*\.)(\d+)\.running_var")
NO_FIT = 1 << 30
REMEDY = "Your own variant goes in with `network=FILE.py:FUNCTION`; another family with `family`"
FOLDED = (
    "Its BatchNorm layers are folded into its convolutions, so it is a variant of the published network, "
    "such as examples/human_pose_estimation_0001.py in the repository builds"
)


@runtime_checkable
class Rewritten(Protocol):
    """A network that is exported in another form than the published one."""

    def deployed(self) -> nn.Module:
        """The same network as targets get it; it may share the trained tensors."""


def open_checkpoint(
    path: Path,
    family: str | None = None,
    mesh: Path | None = None,
    *,
    drawn: bool = False,
    stages: StageCount | None = None,
    weights: str | None = None,
) -> Model:
    """Read a checkpoint of a published network.

    Args:
        path: the file.
        family: the network's name where it shall not be recognized from the tensors.
        mesh: the file with the triangles of the mesh that the network stands on, for a family that has one.
        drawn: the caller has a use of its own for the mesh, so any family may be given one.
        stages: how many refinement stages to use of lightweight-openpose-2d; None for one, as published.
        weights: which set of weights, for a file that holds several; as ``Weights.key`` names it.

    Raises:
        CheckpointError: the file cannot be read, is of no known family, does not fit it exactly, or
            holds NaN or infinity.
        MeshMissingError: it stands on a mesh, and none is given.
        InputError: there is no such family; or the mesh is unreadable, another than the checkpoint
            was trained on, or given for a network that has none; or the checkpoint has not so many stages.
    """
    topology = read_mesh(mesh) if mesh is not None else None
    candidates = [family_named(family)] if family else list(FAMILIES.values())
    checkpoint = read(
        path,
        weights,
        lambda shapes: 0 if _recognized(shapes, candidates) else NO_FIT,
        lambda shapes: _is_complete(shapes, candidates),
    )
    row = candidates[0] if family else _family_of(checkpoint)
    if topology is not None and not row.mesh:
        if not drawn:
            raise InputError(f"`mesh={mesh}`: {row.name} needs no mesh beside its checkpoint; leave it out")
        topology = None
    stored = checkpoint.stored
    checkpoint, used_stages = select_stages(checkpoint, row, stages)
    build = plugins.module(row.network).build
    try:
        module, spec = build(checkpoint.shapes, topology) if row.mesh else build(checkpoint.shapes)
    except MeshMissingError as error:
        raise MeshMissingError(f"{path}: {error}", error.family) from error
    load_weights(module, checkpoint, REMEDY)
    model = Model(
        module,
        spec,
        path,
        sha256=checkpoint.sha256,
        stages=used_stages,
        weights=checkpoint.weights,
        stored=stored,
    )
    if isinstance(module, Rewritten):
        model = replace(model, deployed=module.deployed().eval().requires_grad_(False))
    if topology is not None:
        model = replace(model, mesh=topology.path, mesh_sha256=topology.sha256)
    return model


def _recognized(shapes: Shapes, families: Sequence[Family]) -> Family | None:
    return next((family for family in families if plugins.module(family.network).recognizes(shapes)), None)


def _is_complete(shapes: Shapes, families: Sequence[Family]) -> bool:
    """Return whether these are exactly the tensors of a network; True if only its mesh is unknown."""
    family = _recognized(shapes, families)
    if family is None:
        return False
    try:
        module = plugins.module(family.network).build(shapes)[0]
    except MeshMissingError:
        return True
    except CheckpointError:
        return False
    return not any(misfits(shapes_of(module), shapes))


def _family_of(checkpoint: Checkpoint) -> Family:
    family = _recognized(checkpoint.shapes, list(FAMILIES.values()))
    if family is not None:
        return family
    names = list(checkpoint.shapes)
    module = checkpoint.weights.module
    origin = f"a whole module ({module}), saved by torch.save(model); " if module else ""
    raise MisfitError(
        f"{checkpoint.path}: {origin}of no network known here; it holds {len(names)} tensors from "
        f"{names[0]} to {names[-1]}, and known are {', '.join(FAMILIES)}. Your own network goes in with "
        "`network=FILE.py:FUNCTION`"
    )


def shapes_of(module: nn.Module) -> Shapes:
    """Return the shapes of the tensors in a network's state dict."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def misfits(wanted: Shapes, found: Shapes) -> tuple[list[str], list[str], list[str]]:
    """Return the names that are missing, left over and of another shape, without counters of BatchNorm."""
    return (
        [name for name in wanted if name not in found and not name.endswith(UNUSED_IN_EVAL)],
        [name for name in found if name not in wanted and not name.endswith(UNUSED_IN_EVAL)],
        [name for name in wanted if name in found and found[name] != wanted[name]],
    )


def _is_folded(missing: list[str], left_over: list[str]) -> bool:
    """Return whether a BatchNorm is missing while the convolution before it has a bias that is left over."""
    found = (_STATISTICS.fullmatch(name) for name in missing)
    return any(each is not None and f"{each[1]}{int(each[2]) - 1}.bias" in left_over for each in found)


def load_weights(module: nn.Module, checkpoint: Checkpoint, remedy: str) -> None:
    """Put every tensor in its place and the network in eval mode, float32, on the CPU.

    Weights in float16, bfloat16 or float64 become float32.

    Args:
        remedy: what the user can do about a checkpoint that does not fit.

    Raises:
        CheckpointError: a tensor is missing, left over, of another shape, whole numbers where weights belong,
            NaN or infinite.
    """
    wanted = shapes_of(module)
    found = checkpoint.shapes
    counters = {name for name in wanted.keys() | found.keys() if name.endswith(UNUSED_IN_EVAL)}
    missing, left_over, wrong = misfits(wanted, found)
    misshaped = [f"{name} {_shape(found[name])}, expected {_shape(wanted[name])}" for name in wrong]
    faults = [
        f"{len(names)} {what}: {listed(names)}"
        for what, names in (("missing", missing), ("left over", left_over), ("mis-shaped", misshaped))
        if names
    ]
    if _is_folded(missing, left_over):
        faults.append(FOLDED)
    if faults:
        raise MisfitError(f"{checkpoint.path}: does not fit the network. " + ". ".join((*faults, remedy)))
    whole = [
        name
        for name, tensor in module.state_dict().items()
        if name in found and tensor.is_floating_point() and not checkpoint.tensors[name].is_floating_point()
    ]
    if whole:
        raise CheckpointError(
            f"{checkpoint.path}: no floating-point numbers in {listed(whole)}; expected the "
            "weights from before they were quantized"
        )
    broken = [name for name, tensor in checkpoint.tensors.items() if not _is_finite(tensor)]
    if broken:
        raise CheckpointError(
            f"{checkpoint.path}: NaN or infinite weights in {listed(broken)}; training diverged"
        )
    module.float()
    module.load_state_dict(
        {name: tensor for name, tensor in checkpoint.tensors.items() if name in wanted}, strict=not counters
    )
    module.eval().requires_grad_(False)


def _is_finite(tensor: torch.Tensor) -> bool:
    small = tensor.is_floating_point() and tensor.element_size() == 1  # float8, of which torch knows little
    return bool(torch.isfinite(tensor.float() if small else tensor).all())


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
