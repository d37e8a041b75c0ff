"""A checkpoint or a model file becomes a runner with its spec."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from posedeploy import contracts, manifest, plugins
from posedeploy.api.model_args import SAMPLE, ModelArgs, path_of
from posedeploy.backends import RUNTIMES, is_named_like_model
from posedeploy.content_kinds import kind_of_file
from posedeploy.errors import ArtifactError, InputError, MeshMissingError
from posedeploy.poses.preprocess import with_height
from posedeploy.predict.chain import needs_joints_message
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_artifact, open_runner, resolve_spec
from posedeploy.types import Artifact, Hint, Model, ModelSpec, Precision, RunOptions

SAMPLE_REMARK = (
    "the built-in sample: lightweight-openpose-2d, trained on synthetic people; it is no match for "
    "photographs"
)
logger = logging.getLogger(__name__)


def run_options(device: str, precision: Precision, threads: int | None, hint: Hint = "latency") -> RunOptions:
    """Return how to run, from the arguments of a library call."""
    return RunOptions(device, precision, threads, hint)


def is_checkpoint(path: Path) -> bool:
    """Return whether a path is to be read as a checkpoint: by its content, and by its name where that is no
    other model's.

    What is neither is read as one too, since that reader names what it is.
    """
    kind = kind_of_file(path)
    if not is_named_like_model(path):
        return True
    return kind is not None and kind.weights and kind.name != "pickle"


def open_model(
    source: Model | Artifact | Path | None, options: RunOptions, args: ModelArgs, runtime: str | None = None
) -> tuple[Runner, Artifact]:
    """Return a runner for a checkpoint (on PyTorch) or a model file, and what it runs, its spec complete.

    None is the built-in sample, and so is the path ``sample`` where no such file exists.

    Raises:
        PoseDeployError: the file cannot be read, or the runtime cannot run it as ``options`` asks.
    """
    if source is None or (source == SAMPLE and not SAMPLE.is_file()):
        logger.info(SAMPLE_REMARK)
        source = _load_checkpoint(None, args)
    elif isinstance(source, Path) and is_checkpoint(source):
        _check_pytorch(source, runtime)
        source = _load_checkpoint(source, args)
    if isinstance(source, Model):
        name = path_of(source)
        _check_pytorch(name, runtime)
        spec = _scaled(source.spec, args)
        return pytorch_runner(source, options), Artifact(
            name, "pytorch", spec, "fp32", {name.name: source.sha256}
        )
    check_fixed(path_of(source), args)
    artifact = open_described(source, args)
    with ExitStack() as on_error:
        runner = on_error.enter_context(open_runner(artifact, options, runtime))
        artifact = replace(artifact, spec=_scaled(resolve_spec(artifact, runner), args))
        on_error.pop_all()
    return runner, artifact


def _check_pytorch(checkpoint: Path, runtime: str | None) -> None:
    if runtime not in (None, "pytorch"):
        raise ArtifactError(f"{checkpoint}: a checkpoint runs on pytorch; export it to run it on {runtime}")


def open_detector(
    source: Model | Artifact | Path | None, options: RunOptions, args: ModelArgs, runtime: str | None = None
) -> tuple[Runner, Artifact]:
    """Do the same as ``open_model`` for a network that finds people in images.

    Raises:
        InputError: the network takes joints.
    """
    try:
        runner, artifact = open_model(source, options, args, runtime)
    except MeshMissingError as error:  # which the mesh would not mend
        raise InputError(f"{path_of(source)}: {needs_joints_message(error.family)}") from error
    if artifact.spec.joints is not None:
        runner.close()
        raise InputError(f"{artifact.path}: {needs_joints_message(artifact.spec.family)}")
    return runner, artifact


def open_described(source: Artifact | Path, args: ModelArgs) -> Artifact:
    """Return a model file with what its manifest says and, with ``contract``, the keypoints that this names;
    or a third-party one, with what ``args`` says of it.

    Raises:
        ArtifactError, ManifestError, InputError: as ``open_artifact`` and ``contracts`` say.
    """
    path = path_of(source)
    if args.contract is not None and (isinstance(source, Artifact) or _describes_keypoints(path, args)):
        artifact = source if isinstance(source, Artifact) else open_artifact(path)
        return replace(artifact, spec=contracts.describe_keypoints(artifact.spec, args.contract))
    if isinstance(source, Artifact):
        return source
    artifact = open_artifact(path, args.spec)
    is_unknown = artifact.provenance is None and artifact.spec.family == contracts.UNKNOWN
    if is_unknown and (remark := manifest.describe_nearest(path)):
        logger.info(remark)
    return artifact


def check_fixed(path: Path, args: ModelArgs) -> None:
    """Refuse to choose the weights or stages of a model file.

    Raises:
        InputError: one of them is chosen.
    """
    if args.weights is not None:
        raise InputError(
            f"`weights={args.weights}`: {path} is a model file, whose weights were chosen when it was "
            "exported; leave it out"
        )
    if args.stages is not None:
        raise InputError(
            f"`stages={args.stages}`: {path} is an exported model, whose stages are fixed; export its "
            f"checkpoint again with `stages={args.stages}`"
        )


def pytorch_runner(model: Model, options: RunOptions) -> Runner:
    """Return the reference: a model as PyTorch runs it."""
    runner: Runner = plugins.load(RUNTIMES["pytorch"].runner)(model, options)
    return runner


def _load_checkpoint(path: Path | None, args: ModelArgs) -> Model:
    model: Model = plugins.load("posedeploy.api.load_checkpoint:open_pytorch_model")(path, args)
    return model


def _describes_keypoints(path: Path, args: ModelArgs) -> bool:
    return args.family is None and manifest.has_one(path)


def _scaled(spec: ModelSpec, args: ModelArgs) -> ModelSpec:
    return spec if args.height is None else with_height(spec, args.height)
