"""Checkpoints that the user names, or that an artifact was made from, as PyTorch models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from posedeploy.backends import CHECKPOINT_SUFFIXES
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.checkpoints.refinement_stages import DEFAULT_STAGES
from posedeploy.checkpoints.sample import open_sample
from posedeploy.checkpoints.user_network import open_user_network
from posedeploy.console.load_model import ModelArgs
from posedeploy.console.output import say, warn
from posedeploy.console.recorded_files import find_recorded, find_recorded_checkpoint
from posedeploy.contracts import describe_keypoints
from posedeploy.errors import CheckpointError, InputError
from posedeploy.types import Artifact, Model, Provenance, StageCount


def open_model(path: Path | None, described: ModelArgs) -> Model:
    """A checkpoint, or the built-in sample where no path is given, as a PyTorch model.

    With ``--contract``, its keypoints are those that the file names.

    Raises:
        CheckpointError, NetworkError, InputError: as the readers say.
    """
    model = _opened(path, described)
    if described.contract is None:
        return model
    return replace(model, spec=describe_keypoints(model.spec, described.contract))


def _opened(path: Path | None, described: ModelArgs) -> Model:
    if path is None:
        if described.family or described.network or described.mesh or described.weights:
            raise InputError("--family, --network, --mesh and --weights describe a checkpoint: name it")
        return open_sample(described.stages)
    if described.network is not None:
        if described.stages is not None:
            raise InputError("--network and --stages: give one; your network has the stages that it builds")
        if described.family is not None:
            raise InputError("--network and --family: give one; your network says its own family")
        if described.mesh is not None:
            raise InputError("--network and --mesh: give one; a network of your own finds its mesh itself")
        say(f"running {described.network}, as --network asks")
        return _reported(open_user_network(path, described.network, described.weights))
    model = _reported(
        open_checkpoint(
            path,
            described.family,
            described.mesh,
            drawn=described.drawn,
            stages=described.stages,
            weights=described.weights,
        )
    )
    if model.stages is not None and model.stages.discarded:
        published = " (as in the published converter and demo)" if model.stages.used == DEFAULT_STAGES else ""
        choice = "; --stages N|all chooses" if described.stages is None else ""
        say(f"{path}: refinement stages{published}: {model.stages}{choice}")
    return model


def _reported(model: Model) -> Model:
    """The same model; what was chosen or taken apart to get its weights is shown."""
    found = model.weights
    assert found is not None, "a checkpoint was read"
    if found.module is not None:
        say(f"{model.source}: a whole module ({found.module}); its weights were taken out, no code was run")
    if found.alternatives:
        say(
            f"{model.source}: using the weights {found.key}; --weights chooses others: "
            f"{', '.join(found.alternatives)}"
        )
    return model


def reference_model(artifact: Artifact, checkpoint: Path | None, described: ModelArgs) -> Model:
    """The PyTorch model that an artifact was made from.

    Args:
        checkpoint: the user's choice in place of the one that the manifest names.

    Raises:
        InputError: nothing says which checkpoint it is, it or its mesh is gone, or it needs the user's own
            network.
        CheckpointError: the checkpoint is no longer the one that the manifest records.
    """
    made, described = artifact.provenance, replace(described, contract=None)  # which is of the artifact
    if checkpoint is None and made is None:
        raise InputError(
            f"{artifact.path}: made by others, so nothing says what to compare it with; give --checkpoint"
        )
    if made is not None and made.network is not None and described.network is None:
        raise InputError(
            f"{artifact.path}: exported with --network {made.network}; give that option again, since it "
            "runs the file"
        )
    source = checkpoint or (_source(artifact, made) if made else None)
    if made is not None:
        described = _as_recorded(artifact, made, source, described, named=checkpoint is not None)
    model = open_model(source, described)
    if made is not None and model.mesh_sha256 != made.mesh_sha256:
        raise InputError(
            f"--mesh {model.mesh}: its triangles are not those that {artifact.path} was exported with "
            f"({made.mesh}); give that mesh, or export again with this one"
        )
    if made is not None and model.sha256 != made.checkpoint_sha256:
        differs = (
            f"{source or 'the built-in sample'}: its SHA-256 is {model.sha256[:12]}... but {artifact.path} "
            f"was made from {made.checkpoint_sha256[:12]}..."
        )
        if checkpoint is None:
            raise CheckpointError(f"{differs}; export it again, or name the right file with --checkpoint")
        warn(f"{differs}; comparing with it all the same, as --checkpoint asks")
    if made is not None and model.network_sha256 != made.network_sha256:
        warn(
            f"{model.network}: not the file that {artifact.path} was exported with; it was changed, "
            "or is another"
        )
    return model


def _as_recorded(
    artifact: Artifact, made: Provenance, source: Path | None, described: ModelArgs, *, named: bool
) -> ModelArgs:
    """How to open the checkpoint ``source`` (None: the sample) as the network that was exported.

    Args:
        named: the user names the checkpoint, so its weights can lie elsewhere than the manifest records.
    """
    if not named and made.weights is not None and described.weights is None and source is not None:
        described = replace(described, weights=made.weights.key)
    if described.network is not None:
        return described
    stages = _recorded_stages(artifact, made, described.stages)
    if source is None:
        return replace(described, stages=stages)
    mesh = described.mesh or _mesh(artifact, made)
    return replace(described, family=artifact.spec.family, mesh=mesh, stages=stages, contract=None)


def _recorded_stages(artifact: Artifact, made: Provenance, wanted: StageCount | None) -> StageCount | None:
    """How many refinement stages an artifact was exported with.

    Raises:
        InputError: the user asks for another number.
    """
    if made.stages is None:
        return wanted
    if wanted not in (None, made.stages.used) and (wanted != "all" or made.stages.discarded):
        raise InputError(
            f"--stages {wanted}: {artifact.path} was exported with {made.stages.used} of "
            f"{made.stages.stored} refinement stages, which its manifest says; leave the option out, or "
            f"export again with --stages {wanted}"
        )
    return made.stages.used


def _source(artifact: Artifact, made: Provenance) -> Path | None:
    """The checkpoint that an artifact was made from; None for the built-in sample."""
    if made.checkpoint is None:
        return None
    found = find_recorded_checkpoint(artifact, made.checkpoint, made.checkpoint_sha256)
    return found or _not_found(artifact, made.checkpoint, "checkpoint")


def _mesh(artifact: Artifact, made: Provenance) -> Path | None:
    """The mesh that an artifact was exported with; None for a network without."""
    if made.mesh is None:
        return None
    return find_recorded(artifact, made.mesh) or _not_found(artifact, made.mesh, "mesh")


def _not_found(artifact: Artifact, path: str, what: str) -> NoReturn:
    raise InputError(
        f"{artifact.path}: the {what} it was made from is neither at {path} nor beside it; say where it is "
        f"with --{what}"
    )


def stem_of(path: Path | None) -> str:
    """What an artifact made from this checkpoint is called before its suffix."""
    if path is None:
        return "sample"
    name = path.resolve().name if path.name in ("", "..") else path.name
    while True:
        suffix = next((end for end in CHECKPOINT_SUFFIXES if name.lower().endswith(end) and name != end), "")
        if not suffix:
            return name
        name = name[: -len(suffix)]
