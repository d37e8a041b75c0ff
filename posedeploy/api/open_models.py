"""Open checkpoints and model files as runners."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from posedeploy import contracts, manifest, plugins
from posedeploy.api.model_args import ModelArgs, get_path, is_sample
from posedeploy.backends import RUNTIMES, is_named_like_model
from posedeploy.content_kinds import kind_of_file
from posedeploy.contract_document import UNKNOWN
from posedeploy.errors import ArtifactError, InputError, MeshMissingError
from posedeploy.model_urls import is_model_url
from posedeploy.poses.preprocess import with_height
from posedeploy.predict.chain import needs_joints_message
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_artifact, open_runner, resolve_spec
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions

SAMPLE_REMARK = (
    "the built-in sample: lightweight-openpose-2d, trained on synthetic people only; use a published "
    "checkpoint for photographs"
)
logger = logging.getLogger(__name__)


def is_checkpoint(path: Path) -> bool:
    """Return whether to read a file as a checkpoint, by its content and its name.

    Files of unknown kinds are read as checkpoints too, because that reader's errors name what they are.
    """
    if is_model_url(path):
        return False
    kind = kind_of_file(path)
    if not is_named_like_model(path):
        return True
    return kind is not None and kind.weights and kind.name != "pickle"


def open_model(
    source: Model | Artifact | Path | None, options: RunOptions, args: ModelArgs, runtime: str | None = None
) -> tuple[Runner, Artifact]:
    """Return a runner for a model file, or for a checkpoint on PyTorch, and the artifact with its full spec.

    None means the built-in sample, as does the path ``sample`` if no such file exists.

    Raises:
        PoseDeployError: the file cannot be read, or the runtime cannot run it with ``options``.
    """
    if source is None or is_sample(source):
        logger.info(SAMPLE_REMARK)
        source = _load_checkpoint(None, args)
    elif isinstance(source, Path) and is_checkpoint(source):
        _check_pytorch(source, runtime)
        source = _load_checkpoint(source, args)
    if isinstance(source, Model):
        name = get_path(source)
        _check_pytorch(name, runtime)
        spec = _apply_height(source.spec, args)
        return open_pytorch_runner(source, options), Artifact(
            name, "pytorch", spec, "fp32", {name.name: source.sha256}
        )
    check_weights_and_stages(get_path(source), args)
    artifact = open_with_args(source, args)
    with ExitStack() as on_error:
        runner = on_error.enter_context(open_runner(artifact, options, runtime))
        artifact = replace(artifact, spec=_apply_height(resolve_spec(artifact, runner), args))
        on_error.pop_all()
    return runner, artifact


def _check_pytorch(checkpoint: Path, runtime: str | None) -> None:
    if runtime not in (None, "pytorch"):
        raise ArtifactError(f"{checkpoint}: a checkpoint runs on pytorch; to use {runtime}, export it first")


def open_detector(
    source: Model | Artifact | Path | None, options: RunOptions, args: ModelArgs, runtime: str | None = None
) -> tuple[Runner, Artifact]:
    """Open a model as ``open_model`` does, and check that it takes images.

    Raises:
        InputError: the network takes 2D joints.
    """
    try:
        runner, artifact = open_model(source, options, args, runtime)
    except MeshMissingError as error:  # a network on joints, whether it has a mesh or not
        raise InputError(f"{get_path(source)}: {needs_joints_message(error.family)}") from error
    if artifact.spec.joints is not None:
        runner.close()
        raise InputError(f"{artifact.path}: {needs_joints_message(artifact.spec.family)}")
    return runner, artifact


def open_with_args(source: Artifact | Path, args: ModelArgs) -> Artifact:
    """Open a model file, described by its manifest or ``args``; ``args.contract`` may name its keypoints.

    Raises:
        ArtifactError, ManifestError, InputError: as in ``open_artifact`` and ``contracts``.
    """
    path = get_path(source)
    if args.contract is not None and (isinstance(source, Artifact) or _describes_keypoints(path, args)):
        artifact = source if isinstance(source, Artifact) else open_artifact(path)
        return replace(artifact, spec=contracts.add_description(artifact.spec, args.contract, str(path)))
    if isinstance(source, Artifact):
        return source
    artifact = open_artifact(path, args.spec)
    is_unknown = artifact.provenance is None and artifact.spec.family == UNKNOWN
    if is_unknown and (remark := manifest.describe_nearest(path)):
        logger.info(remark)
    return artifact


def check_weights_and_stages(path: Path, args: ModelArgs) -> None:
    """Check that neither weights nor stages are selected for a model file.

    Raises:
        InputError: one of them is.
    """
    if args.weights is not None:
        raise InputError(
            f"`weights={args.weights}`: {path} is an exported model, whose weights are fixed; leave it out"
        )
    if args.stages is not None:
        raise InputError(
            f"`stages={args.stages}`: {path} is an exported model, whose stages are fixed; export its "
            f"checkpoint again with `stages={args.stages}`"
        )


def open_pytorch_runner(model: Model, options: RunOptions) -> Runner:
    """Open a model on PyTorch, as the reference."""
    runner: Runner = plugins.load(RUNTIMES["pytorch"].runner)(model, options)
    return runner


def _load_checkpoint(path: Path | None, args: ModelArgs) -> Model:
    model: Model = plugins.load("posedeploy.api.load_checkpoint:open_pytorch_model")(path, args)
    return model


def _describes_keypoints(path: Path, args: ModelArgs) -> bool:
    return args.family is None and manifest.has_manifest(path)


def _apply_height(spec: ModelSpec, args: ModelArgs) -> ModelSpec:
    return spec if args.height is None else with_height(spec, args.height)
