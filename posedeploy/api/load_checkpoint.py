"""Load checkpoints as PyTorch models."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from posedeploy.api.model_args import SAMPLE, ModelArgs, ModelKeywords, is_sample
from posedeploy.argument_types import check_arguments
from posedeploy.checkpoints import loading
from posedeploy.checkpoints.hugging_face.folder import (
    check_configuration,
    check_hub_name,
    is_model_folder,
    suggest_folder,
)
from posedeploy.checkpoints.hugging_face.opening import open_model_folder
from posedeploy.checkpoints.refinement_stages import DEFAULT_STAGES
from posedeploy.checkpoints.sample import open_sample
from posedeploy.checkpoints.user_network import open_user_network
from posedeploy.contracts import add_description
from posedeploy.errors import InputError
from posedeploy.types import Model, StageCount, StrPath

logger = logging.getLogger(__name__)


@check_arguments
def load_checkpoint(path: StrPath, **model_args: Unpack[ModelKeywords]) -> Model:
    """Load a checkpoint as a PyTorch model, in eval mode, on the CPU, in float32.

    No code in the file is executed. Only the Python file of ``network`` is.

    Args:
        path: the checkpoint; ``"sample"`` means the built-in sample if no file has this name.
        model_args: the fields of ``ModelKeywords``.

    Raises:
        CheckpointError: the file cannot be read, is not of a known family, or does not fit its network.
        NetworkError: your own network cannot be built.
        InputError: arguments contradict each other, or the network needs a mesh.
    """
    return open_pytorch_model(Path(path), ModelArgs.of(model_args))


def load_sample() -> Model:
    """Load the built-in sample: lightweight-openpose-2d, trained on synthetic people."""
    return open_sample()


def open_pytorch_model(path: Path | None, args: ModelArgs) -> Model:
    """Load a checkpoint as a PyTorch model, or the built-in sample if ``path`` is None or ``sample``.

    Raises:
        CheckpointError, NetworkError, InputError: as in ``load_checkpoint``.
    """
    model = _open(path, args)
    if args.contract is None:
        return model
    return replace(model, spec=add_description(model.spec, args.contract, str(path or SAMPLE)))


def _open(path: Path | None, args: ModelArgs) -> Model:
    if path is None or is_sample(path):
        if args.family or args.network or args.mesh or args.weights:
            raise InputError(
                "`family`, `network`, `mesh` and `weights` describe a checkpoint file, and the built-in "
                "sample needs none of them; pass a file, or leave them out"
            )
        return open_sample(args.stages)
    check_hub_name(path)
    if args.network is not None:
        return _open_user_network(path, args.network, args)
    if is_model_folder(path):
        return _open_folder(path, args)
    check_configuration(path)
    with suggest_folder(path):
        model = loading.open_checkpoint(
            path, args.family, args.mesh, draws_mesh=args.draws_mesh, stages=args.stages, weights=args.weights
        )
    _report_weights(model)
    _report_stages(model, args.stages)
    return model


def _open_folder(path: Path, args: ModelArgs) -> Model:
    """Open a folder of the transformers library, whose configuration describes the network."""
    options = {"family": args.family, "mesh": args.mesh, "stages": args.stages, "weights": args.weights}
    for name, value in options.items():
        if value is not None and not (name == "mesh" and args.draws_mesh):
            raise InputError(
                f"`{name}={value}`: {path} describes its network in its config.json; leave it out"
            )
    return open_model_folder(path)


def _open_user_network(path: Path, network: str, args: ModelArgs) -> Model:
    reasons = {
        "`stages`": (args.stages, "your network determines its own stages"),
        "`family`": (args.family, "your network determines its own family"),
        "`mesh`": (args.mesh, "your network loads its own mesh"),
    }
    for option, (value, reason) in reasons.items():
        if value is not None:
            raise InputError(f"`network` and {option} exclude each other: {reason}; leave one out")
    logger.info(f"running the code in {network}")
    model = open_user_network(path, network, args.weights)
    _report_weights(model)
    return model


def _report_stages(model: Model, wanted: StageCount | None) -> None:
    if model.stages is None or not model.stages.discarded:
        return
    published = " (as in the published converter and demo)" if model.stages.used == DEFAULT_STAGES else ""
    hint = "; `stages=N|all` changes that" if wanted is None else ""
    logger.info(f"{model.source}: refinement stages{published}: {model.stages}{hint}")


def _report_weights(model: Model) -> None:
    """Log how the weights were selected or extracted."""
    weights = model.weights
    assert weights is not None, "a checkpoint was read"
    if weights.module is not None:
        logger.info(
            f"{model.source}: a whole module ({weights.module}); its weights were read without running code"
        )
    if weights.alternatives:
        logger.info(
            f"{model.source}: using the weights {weights.key}; `weights` selects others: "
            f"{', '.join(weights.alternatives)}"
        )
