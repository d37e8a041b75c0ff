"""The PyTorch model from which an artifact was exported, as the reference of a comparison."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from posedeploy.api.load_checkpoint import open_pytorch_model
from posedeploy.api.model_args import ModelArgs, is_sample
from posedeploy.api.recorded_files import find_recorded_checkpoint, find_recorded_mesh
from posedeploy.decoder_families import DECODER_FAMILIES
from posedeploy.errors import CheckpointError, InputError
from posedeploy.types import Artifact, Model, Provenance, StageCount

logger = logging.getLogger(__name__)


def load_reference_model(artifact: Artifact, checkpoint: Path | None, args: ModelArgs) -> Model:
    """Load the PyTorch model from which an artifact was exported.

    Args:
        checkpoint: the checkpoint to use instead of the one in the manifest.
        args: the description of the checkpoint, if the manifest has none.

    Raises:
        InputError: the checkpoint is unknown, it or its mesh is missing, or it needs ``network``.
        CheckpointError: the checkpoint is not the one that the manifest records.
    """
    recorded, args = artifact.provenance, replace(args, contract=None)  # ``contract`` is for the artifact
    if recorded is None:
        if checkpoint is None:
            raise InputError(
                f"{artifact.path}: a third-party model, whose checkpoint is not recorded; pass it with "
                "`checkpoint`"
            )
        return open_pytorch_model(checkpoint, args)
    if recorded.network is not None and args.network is None:
        raise InputError(
            f"{artifact.path}: exported with `network={recorded.network}`; repeat that argument, because it "
            "executes the file"
        )
    path = checkpoint
    if path is None and recorded.checkpoint is not None:
        path = find_recorded_checkpoint(artifact, recorded.checkpoint, recorded.checkpoint_sha256)
        if path is None:
            raise _missing_file_error(artifact, recorded.checkpoint, "checkpoint")
    if checkpoint is None and path is not None and recorded.weights is not None and args.weights is None:
        args = replace(args, weights=recorded.weights.key)
    model = open_pytorch_model(path, _add_recorded(artifact, recorded, path, args))
    _check_parts(model, artifact, recorded)
    _check_checkpoint(model, artifact, recorded, is_chosen=checkpoint is not None)
    return model


def _add_recorded(
    artifact: Artifact, recorded: Provenance, checkpoint: Path | None, args: ModelArgs
) -> ModelArgs:
    """Return the arguments with the family, mesh and stages of the export; no checkpoint means the sample."""
    if args.network is not None:
        return args
    stages = _recorded_stages(artifact, recorded, args.stages)
    if checkpoint is None or is_sample(checkpoint):
        return replace(args, stages=stages)
    mesh = args.mesh
    if mesh is None and recorded.mesh is not None:
        mesh = find_recorded_mesh(artifact, recorded.mesh, recorded.mesh_sha256)
        if mesh is None:
            raise _missing_file_error(artifact, recorded.mesh, "mesh")
    family = None if artifact.spec.family in DECODER_FAMILIES else artifact.spec.family
    return replace(args, family=family, mesh=mesh, stages=stages)


def _recorded_stages(
    artifact: Artifact, recorded: Provenance, wanted: StageCount | None
) -> StageCount | None:
    """Return the number of refinement stages with which an artifact was exported.

    Raises:
        InputError: ``wanted`` differs.
    """
    if recorded.stages is None:
        return wanted
    if wanted not in (None, recorded.stages.used) and (wanted != "all" or recorded.stages.discarded):
        raise InputError(
            f"`stages={wanted}`: {artifact.path} was exported with {recorded.stages.used} of "
            f"{recorded.stages.stored} refinement stages; leave it out, or export again with "
            f"`stages={wanted}`"
        )
    return recorded.stages.used


def _check_checkpoint(model: Model, artifact: Artifact, recorded: Provenance, *, is_chosen: bool) -> None:
    if model.sha256 == recorded.checkpoint_sha256:
        return
    difference = (
        f"{model.source or 'the built-in sample'}: its SHA-256 is {model.sha256[:12]}..., but "
        f"{artifact.path} was exported from {recorded.checkpoint_sha256[:12]}..."
    )
    if not is_chosen:
        raise CheckpointError(f"{difference}; export it again, or pass the right file with `checkpoint`")
    logger.warning(f"{difference}; using it anyway, because you passed `checkpoint`")


def _check_parts(model: Model, artifact: Artifact, recorded: Provenance) -> None:
    """Compare the mesh and the user's network with those that the manifest records."""
    if model.mesh_sha256 != recorded.mesh_sha256:
        raise InputError(
            f"`mesh={model.mesh}`: not the triangles that {artifact.path} was exported with "
            f"({recorded.mesh}); use that mesh, or export again with this one"
        )
    if model.network_sha256 != recorded.network_sha256:
        logger.warning(
            f"{model.network}: not the file that {artifact.path} was exported with, or it changed since"
        )


def _missing_file_error(artifact: Artifact, path: str, what: str) -> InputError:
    return InputError(
        f"{artifact.path}: the {what} of its export is neither at {path} nor in the artifact's folder; pass "
        f"its path with `{what}`"
    )
