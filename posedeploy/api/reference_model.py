"""The PyTorch model that an artifact was exported from, which it is compared with."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from posedeploy.api.load_checkpoint import open_pytorch_model
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.recorded_files import find_recorded, find_recorded_checkpoint
from posedeploy.errors import CheckpointError, InputError
from posedeploy.types import Artifact, Model, Provenance, StageCount

logger = logging.getLogger(__name__)


def reference_model(artifact: Artifact, checkpoint: Path | None, args: ModelArgs) -> Model:
    """Return the PyTorch model that an artifact was exported from.

    Args:
        checkpoint: the one to use in place of the one in the manifest.
        args: what describes it, where the manifest does not.

    Raises:
        InputError: no checkpoint is known, it or its mesh is missing, or it needs your own network.
        CheckpointError: the checkpoint is no longer the one that the manifest records.
    """
    recorded, args = artifact.provenance, replace(args, contract=None)  # which describes the artifact
    if recorded is None:
        if checkpoint is None:
            raise InputError(
                f"{artifact.path}: a third-party model, whose checkpoint is not recorded; name it with "
                "`checkpoint`"
            )
        return open_pytorch_model(checkpoint, args)
    if recorded.network is not None and args.network is None:
        raise InputError(
            f"{artifact.path}: exported with `network={recorded.network}`; give that option again, since it "
            "runs the file"
        )
    path = checkpoint
    if path is None and recorded.checkpoint is not None:
        path = find_recorded_checkpoint(artifact, recorded.checkpoint, recorded.checkpoint_sha256)
        if path is None:
            raise _missing(artifact, recorded.checkpoint, "checkpoint")
    if checkpoint is None and path is not None and recorded.weights is not None and args.weights is None:
        args = replace(args, weights=recorded.weights.key)
    model = open_pytorch_model(path, _as_recorded(artifact, recorded, path, args))
    _check_parts(model, artifact, recorded)
    _check_checkpoint(model, artifact, recorded, is_chosen=checkpoint is not None)
    return model


def _as_recorded(
    artifact: Artifact, recorded: Provenance, checkpoint: Path | None, args: ModelArgs
) -> ModelArgs:
    """Return what opens a checkpoint (None: the sample) as the network that was exported."""
    if args.network is not None:
        return args
    stages = _recorded_stages(artifact, recorded, args.stages)
    if checkpoint is None:
        return replace(args, stages=stages)
    mesh = args.mesh
    if mesh is None and recorded.mesh is not None:
        mesh = find_recorded(artifact, recorded.mesh)
        if mesh is None:
            raise _missing(artifact, recorded.mesh, "mesh")
    return replace(args, family=artifact.spec.family, mesh=mesh, stages=stages)


def _recorded_stages(
    artifact: Artifact, recorded: Provenance, wanted: StageCount | None
) -> StageCount | None:
    """Return how many refinement stages an artifact was exported with.

    Raises:
        InputError: another number is asked for.
    """
    if recorded.stages is None:
        return wanted
    if wanted not in (None, recorded.stages.used) and (wanted != "all" or recorded.stages.discarded):
        raise InputError(
            f"`stages={wanted}`: {artifact.path} was exported with {recorded.stages.used} of "
            f"{recorded.stages.stored} refinement stages, which its manifest says; leave the option out, or "
            f"export again with `stages={wanted}`"
        )
    return recorded.stages.used


def _check_checkpoint(model: Model, artifact: Artifact, recorded: Provenance, *, is_chosen: bool) -> None:
    if model.sha256 == recorded.checkpoint_sha256:
        return
    difference = (
        f"{model.source or 'the built-in sample'}: its SHA-256 is {model.sha256[:12]}... but {artifact.path} "
        f"was made from {recorded.checkpoint_sha256[:12]}..."
    )
    if not is_chosen:
        raise CheckpointError(f"{difference}; export it again, or name the right file with `checkpoint`")
    logger.warning(f"{difference}; comparing with it all the same, as `checkpoint` asks")


def _check_parts(model: Model, artifact: Artifact, recorded: Provenance) -> None:
    """Hold the mesh and your own network against those that the manifest records."""
    if model.mesh_sha256 != recorded.mesh_sha256:
        raise InputError(
            f"`mesh={model.mesh}`: its triangles are not those that {artifact.path} was exported with "
            f"({recorded.mesh}); give that mesh, or export again with this one"
        )
    if model.network_sha256 != recorded.network_sha256:
        logger.warning(
            f"{model.network}: not the file that {artifact.path} was exported with; it was changed, "
            "or is another"
        )


def _missing(artifact: Artifact, path: str, what: str) -> InputError:
    return InputError(
        f"{artifact.path}: the {what} it was made from is neither at {path} nor beside it; say where it is "
        f"with --{what}"
    )
