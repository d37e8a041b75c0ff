"""Recognize a checkpoint's family by the names and shapes of its tensors, and load them strictly."""

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
"""A counter of BatchNorm that eval mode never reads; checkpoints older than PyTorch 0.4.1 lack it."""
_STATISTICS = re.compile(r"(.*\.)(\d+)\.running_var")
NO_FIT = 1 << 30
REMEDY = "Pass your own variant as `network=FILE.py:FUNCTION`, or another family as `family`"
FOLDED = (
    "Its BatchNorm layers are folded into its convolutions, so it differs from the reference implementation; "
    "examples/human_pose_estimation_0001.py in the repository builds such a variant"
)


@runtime_checkable
class HasExportForm(Protocol):
    """A network with an exported form that differs from the published one."""

    def export_form(self) -> nn.Module:
        """Return the exported form of the network; it may share the trained tensors."""


def open_checkpoint(
    path: Path,
    family: str | None = None,
    mesh: Path | None = None,
    *,
    draws_mesh: bool = False,
    stages: StageCount | None = None,
    weights: str | None = None,
) -> Model:
    """Read a checkpoint of a published network.

    Args:
        path: the file.
        family: the network's name; None to recognize it from the tensors.
        mesh: the file with the triangles of the network's mesh, for a family that has one.
        draws_mesh: whether the caller draws the mesh, which any family then accepts.
        stages: the number of refinement stages of lightweight-openpose-2d to use; None for one, as published.
        weights: the ``Weights.key`` of a set of weights, for a file that holds several.

    Raises:
        CheckpointError: the file cannot be read, is not of a known family, does not fit it exactly, or
            holds NaN or infinity.
        MeshMissingError: the network needs a mesh, and ``mesh`` is None.
        InputError: there is no such family; or the mesh is unreadable, differs from that of the training, or
            is passed for a network without one; or the checkpoint has fewer stages.
    """
    topology = read_mesh(mesh) if mesh is not None else None
    candidates = [family_named(family)] if family else list(FAMILIES.values())
    checkpoint = read(
        path,
        weights,
        lambda shapes: 0 if _recognize(shapes, candidates) else NO_FIT,
        lambda shapes: _is_complete(shapes, candidates),
    )
    row = candidates[0] if family else _family_of(checkpoint)
    if topology is not None and not row.mesh:
        if not draws_mesh:
            raise InputError(f"`mesh={mesh}`: {row.name} has no mesh; leave it out")
        topology = None
    checkpoint_tensors = checkpoint.tensor_specs
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
        checkpoint_tensors=checkpoint_tensors,
    )
    if isinstance(module, HasExportForm):
        model = replace(model, export_form=module.export_form().eval().requires_grad_(False))
    if topology is not None:
        model = replace(model, mesh=topology.path, mesh_sha256=topology.sha256)
    return model


def _recognize(shapes: Shapes, families: Sequence[Family]) -> Family | None:
    return next((family for family in families if plugins.module(family.network).recognizes(shapes)), None)


def _is_complete(shapes: Shapes, families: Sequence[Family]) -> bool:
    """Return whether these are exactly the tensors of a network; True if only its mesh is unknown."""
    family = _recognize(shapes, families)
    if family is None:
        return False
    try:
        module = plugins.module(family.network).build(shapes)[0]
    except MeshMissingError:
        return True
    except CheckpointError:
        return False
    return not any(find_mismatches(shapes_of(module), shapes))


def _family_of(checkpoint: Checkpoint) -> Family:
    family = _recognize(checkpoint.shapes, list(FAMILIES.values()))
    if family is not None:
        return family
    names = list(checkpoint.shapes)
    module = checkpoint.weights.module
    origin = f"a whole module ({module}), saved by torch.save(model); " if module else ""
    raise MisfitError(
        f"{checkpoint.path}: {origin}unknown network with {len(names)} tensors from {names[0]} to "
        f"{names[-1]}; the known networks are {', '.join(FAMILIES)}. Pass your own network as "
        "`network=FILE.py:FUNCTION`"
    )


def shapes_of(module: nn.Module) -> Shapes:
    """Return the shapes of the tensors in a network's state dict."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def find_mismatches(expected: Shapes, actual: Shapes) -> tuple[list[str], list[str], list[str]]:
    """Return the missing, the unexpected and the wrongly shaped names, without counters of BatchNorm."""
    return (
        [name for name in expected if name not in actual and not name.endswith(UNUSED_IN_EVAL)],
        [name for name in actual if name not in expected and not name.endswith(UNUSED_IN_EVAL)],
        [name for name in expected if name in actual and actual[name] != expected[name]],
    )


def _is_folded(missing: list[str], unexpected: list[str]) -> bool:
    """Return whether a BatchNorm is missing and the convolution before it has an unexpected bias."""
    matches = (_STATISTICS.fullmatch(name) for name in missing)
    return any(match is not None and f"{match[1]}{int(match[2]) - 1}.bias" in unexpected for match in matches)


def load_weights(module: nn.Module, checkpoint: Checkpoint, remedy: str) -> None:
    """Load every tensor and put the network in eval mode, in float32 on the CPU.

    Weights in float16, bfloat16 or float64 become float32.

    Args:
        remedy: the last sentence of the message about a checkpoint that does not fit.

    Raises:
        CheckpointError: a tensor is missing, unexpected or of another shape, or holds integers in place of
            weights, NaN or infinity.
    """
    expected = shapes_of(module)
    _check_fit(expected, checkpoint, remedy)
    _check_values(module, checkpoint)
    counters = [name for name in {**expected, **checkpoint.shapes} if name.endswith(UNUSED_IN_EVAL)]
    module.float()
    module.load_state_dict(
        {name: tensor for name, tensor in checkpoint.tensors.items() if name in expected}, strict=not counters
    )
    module.eval().requires_grad_(False)


def _check_fit(expected: Shapes, checkpoint: Checkpoint, remedy: str) -> None:
    actual = checkpoint.shapes
    missing, unexpected, wrong = find_mismatches(expected, actual)
    misshaped = [f"{name} {_shape(actual[name])}, expected {_shape(expected[name])}" for name in wrong]
    faults = [
        f"{len(names)} {what}: {listed(names)}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshaped))
        if names
    ]
    if _is_folded(missing, unexpected):
        faults.append(FOLDED)
    if faults:
        raise MisfitError(f"{checkpoint.path}: does not fit the network. " + ". ".join((*faults, remedy)))


def _check_values(module: nn.Module, checkpoint: Checkpoint) -> None:
    tensors = checkpoint.tensors
    weights = [name for name, tensor in module.state_dict().items() if tensor.is_floating_point()]
    integers = [name for name in weights if name in tensors and not tensors[name].is_floating_point()]
    if integers:
        raise CheckpointError(
            f"{checkpoint.path}: no floating-point numbers in {listed(integers)}; expected the weights from "
            "before quantization"
        )
    broken = [name for name, tensor in tensors.items() if not _is_finite(tensor)]
    if broken:
        raise CheckpointError(
            f"{checkpoint.path}: NaN or infinite weights in {listed(broken)}; pass a checkpoint from before "
            "the training diverged"
        )


def _is_finite(tensor: torch.Tensor) -> bool:
    is_float8 = tensor.is_floating_point() and tensor.element_size() == 1  # torch has no isfinite for float8
    return bool(torch.isfinite(tensor.float() if is_float8 else tensor).all())


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
