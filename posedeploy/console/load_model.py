"""Whatever the user names, a checkpoint or a model file, becomes a runner with its spec."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from posedeploy import contracts, manifest, plugins
from posedeploy.backends import RUNTIMES, is_named_like_model
from posedeploy.console.output import say
from posedeploy.content_kinds import kind_of_file
from posedeploy.errors import ArtifactError, InputError, MeshMissingError
from posedeploy.poses.preprocess import at_height
from posedeploy.predict.chain import needs_joints_message
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_artifact, open_runner, resolve_spec
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions, StageCount

SAMPLE = Path("sample")
"""What the built-in sample is called where a checkpoint has a path."""
SAMPLE_REMARK = (
    "the built-in sample: lightweight-openpose-2d, trained on drawn people; it is no match for photographs"
)


@dataclass(frozen=True)
class ModelArgs:
    """What the user said of a model beside its path.

    drawn: the command draws on the mesh itself, so it may be given for a network that stands on none.
    height: what images are scaled to, in px; None for the family's own. stages: how many refinement stages of
    a checkpoint to use; None for the published number. weights: which set of weights of a checkpoint that
    holds several.
    """

    family: str | None = None
    network: str | None = None
    contract: Path | None = None
    mesh: Path | None = None
    drawn: bool = False
    height: int | None = None
    stages: StageCount | None = None
    weights: str | None = None

    @property
    def spec(self) -> ModelSpec | None:
        """The spec of a model made by others, from a contract file or a family's name; None without."""
        if self.contract is not None and self.family is not None:
            raise InputError("--contract and --family: give one; a contract file has its own `family` line")
        if self.contract is not None:
            return contracts.read(self.contract)
        return contracts.described(self.family) if self.family is not None else None


def is_checkpoint(path: Path) -> bool:
    """Whether a path is to be read as a checkpoint: by its content, and by its name where that is no other
    model's.

    What is neither is read as one too, since that reader names what it is.
    """
    kind = kind_of_file(path)
    if not is_named_like_model(path):
        return True
    return kind is not None and kind.weights and kind.name != "pickle"


def check_unchosen(path: Path, described: ModelArgs) -> None:
    """Refuse ``--weights`` for a model file.

    Raises:
        InputError: it is given.
    """
    if described.weights is not None:
        raise InputError(
            f"--weights {described.weights}: {path} is a model file, whose weights were chosen when it was "
            "exported; leave it out"
        )


def open_named(
    path: Path | None, options: RunOptions, described: ModelArgs, runtime: str | None = None
) -> tuple[Runner, Artifact]:
    """A runner for a checkpoint (on PyTorch) or a model file, and what it runs, its spec filled in.

    Without a path, or by its name, it is the built-in sample.
    """
    if path == SAMPLE and not path.is_file():
        path = None
    if path is None or is_checkpoint(path):
        named = path or SAMPLE
        if path is None:
            say(SAMPLE_REMARK)
        if runtime not in (None, "pytorch"):
            raise ArtifactError(f"{named}: a checkpoint runs on pytorch; export it to run it on {runtime}")
        model: Model = plugins.load("posedeploy.console.pytorch_models:open_model")(path, described)
        artifact = Artifact(
            named, "pytorch", _scaled(model.spec, described), "fp32", {named.name: model.sha256}
        )
        return pytorch_runner(model, options), artifact
    refuse_stages(path, described)
    check_unchosen(path, described)
    artifact = open_described(path, described)
    with ExitStack() as on_error:
        runner = on_error.enter_context(open_runner(artifact, options, runtime))
        artifact = replace(artifact, spec=_scaled(resolve_spec(artifact, runner), described))
        on_error.pop_all()
    return runner, artifact


def open_described(path: Path, described: ModelArgs) -> Artifact:
    """A model file with what its manifest says and, with ``--contract``, the keypoints that the file names;
    or, for one without a manifest, with what the user says of it.

    Raises:
        ArtifactError, ManifestError, InputError: as ``open_artifact`` and ``contracts`` say.
    """
    if described.contract is None or described.family is not None or not manifest.has_one(path):
        artifact = open_artifact(path, described.spec)
        unknown = artifact.provenance is None and artifact.spec.family == contracts.UNKNOWN
        if unknown and (remark := manifest.describe_nearest(path)):
            say(remark)
        return artifact
    artifact = open_artifact(path)
    return replace(artifact, spec=contracts.describe_keypoints(artifact.spec, described.contract))


def open_finder(
    path: Path | None, options: RunOptions, described: ModelArgs, runtime: str | None = None
) -> tuple[Runner, Artifact]:
    """``open_named`` for a command that has the network find people in images.

    Raises:
        InputError: the network takes joints.
    """
    try:
        runner, artifact = open_named(path, options, described, runtime)
    except MeshMissingError as error:  # not to be mended by the mesh
        raise InputError(f"{path}: {needs_joints_message(error.family)}") from error
    if artifact.spec.joints is not None:
        runner.close()
        raise InputError(f"{artifact.path}: {needs_joints_message(artifact.spec.family)}")
    return runner, artifact


def refuse_stages(path: Path, described: ModelArgs) -> None:
    """Refuse ``--stages`` for a model file, which has the stages that it was exported with.

    Raises:
        InputError: it is given.
    """
    if described.stages is not None:
        raise InputError(
            f"--stages {described.stages}: {path} is an exported model, whose stages are fixed; export its "
            f"checkpoint again with --stages {described.stages}"
        )


def _scaled(spec: ModelSpec, described: ModelArgs) -> ModelSpec:
    return spec if described.height is None else at_height(spec, described.height)


def pytorch_runner(model: Model, options: RunOptions) -> Runner:
    """The reference: a model as PyTorch runs it."""
    runner: Runner = plugins.load(RUNTIMES["pytorch"].runner)(model, options)
    return runner
