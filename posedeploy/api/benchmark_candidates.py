"""Load what a benchmark times: models, and PyTorch on their checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import chain, count
from pathlib import Path
from typing import TypeAlias

from posedeploy import artifact_files, files, manifest, plugins
from posedeploy.api.compared_models import describe_input
from posedeploy.api.model_args import SAMPLE, ModelArgs, get_path
from posedeploy.api.open_models import is_checkpoint, open_pytorch_runner, open_with_args
from posedeploy.backends import RUNTIMES, bytes_of
from posedeploy.benchmarks import timing
from posedeploy.benchmarks.input_shapes import match_candidate, with_fixed_size
from posedeploy.benchmarks.inputs import build_image_inputs, build_noise_input, generate_noise_images
from posedeploy.benchmarks.latency import RUNS_PER_ROUND
from posedeploy.benchmarks.timing import Candidate, ImagePipeline
from posedeploy.errors import InputError, PoseDeployError
from posedeploy.model_urls import is_model_url
from posedeploy.predict.chain import Predictor
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import HasTensors, open_runner, resolve_spec, runner_of
from posedeploy.types import (
    Array,
    Artifact,
    Model,
    ModelSpec,
    Placement,
    RunOptions,
    Scenario,
    Stages,
    Tensors,
)

ModelAndSpec: TypeAlias = tuple[Model, ModelSpec]
"""A PyTorch model, and the spec whose inputs it is timed on."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
    """The number of runs and loads, and the size and batch for dynamic axes.

    image: (H, W, 3) uint8 BGR. With an image, preprocessing and decoding are timed as well.
    """

    runs: int = 100
    loads: int = 1
    input_size: tuple[int, int] | None = None
    batch: int | None = None
    runtime: str | None = None
    checkpoint: Path | None = None
    image: Array | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, number in (("runs", self.runs), ("batch", self.batch), ("loads", self.loads)):
            if number is not None and number < 1:
                raise InputError(f"`{name}={number}`: expected at least 1")
        if self.loads > self.runs:
            raise InputError(
                f"`loads={self.loads}`: the {self.runs} timed runs are divided among the loads; expected at "
                "most as many loads as `runs`"
            )
        for name, value in (("batch", self.batch), ("input_size", self.input_size)):
            if self.image is not None and value is not None:
                raise InputError(f"`{name}` and `image`: pass one; the image determines the input")

    def rounds_of_each_load(self, scenario: Scenario) -> list[int]:
        """Return the rounds of each load, which differ by at most one."""
        rounds = count_rounds(self.runs, scenario)
        return [(rounds + number) // self.loads for number in range(self.loads)]


def count_rounds(runs: int, scenario: Scenario) -> int:
    """Return the number of rounds that have this number of timed runs."""
    return -(-runs // RUNS_PER_ROUND[scenario])


class CandidateLoader:
    """A loader of models, and of PyTorch as their baseline: once for each checkpoint and input.

    ``opened`` closes the runners. args_describe_all: the arguments also describe
    models that have a manifest.
    """

    def __init__(
        self,
        options: RunOptions,
        settings: BenchmarkOptions,
        args: ModelArgs,
        opened: ExitStack,
        *,
        args_describe_all: bool,
    ) -> None:
        self.candidates: list[Candidate] = []
        self.labels: list[str] = []  # of the models that were added, without their baselines
        self._options, self._settings, self._args = options, settings, args
        self._opened = opened
        self._args_describe_all = args_describe_all
        self._baselines: dict[tuple[str, Stages | None, str], Candidate | None] = {}

    def add(self, source: Model | Artifact | Path) -> Candidate:
        """Load a model, and its baseline where no other model had the same; return the model's candidate."""
        candidate = self._add(source)
        self.labels.append(candidate.label)
        return candidate

    def _add(self, source: Model | Artifact | Path) -> Candidate:
        if isinstance(source, Model) or (isinstance(source, Path) and is_checkpoint(source)):
            return self._add_pytorch(get_path(source).name, self._options, partial(_load, source, self._args))
        artifact = open_with_args(source, self._args_for(source))
        candidate = self._load_artifact(artifact)
        key = (*_weights_of(artifact), describe_input(candidate))
        if key not in self._baselines:
            self._baselines[key] = self._add_baseline(artifact, resolve_spec(artifact, candidate.runner))
        return self._keep(replace(candidate, baseline=self._baselines[key]))

    def load_alone(self, source: Artifact | Path, baseline_of: HasTensors | None = None) -> Candidate:
        """Load a model or, with its tensors in ``baseline_of``, only PyTorch on its checkpoint, which must
        exist."""
        if isinstance(source, Path) and is_checkpoint(source):
            return self.add(source)
        artifact = open_with_args(source, self._args_for(source))
        if baseline_of is None:
            return self._load_artifact(artifact)
        candidate = self._add_baseline(artifact, resolve_spec(artifact, baseline_of))
        if candidate is None:
            raise InputError(f"{artifact.path}: PyTorch on its checkpoint cannot be loaded again")
        return candidate

    def add_earlier(self, artifact: Artifact, label: str) -> None:
        """Load the earlier file of a model, which is compared with it in the same rounds."""
        self._keep(replace(self._load_artifact(artifact), label=label))

    def _args_for(self, source: Artifact | Path) -> ModelArgs:
        path = source if isinstance(source, Path) else source.path
        return self._args if self._args_describe_all or not manifest.has_manifest(path) else ModelArgs()

    def _load_artifact(self, artifact: Artifact) -> Candidate:
        runner_of(artifact, self._settings.runtime)  # its import is not its load
        candidate = timing.load(
            artifact.path.name,
            lambda: open_runner(artifact, self._options, self._settings.runtime),
            lambda runner: _tensors(runner, resolve_spec(artifact, runner), self._settings),
            file_bytes=None if is_model_url(artifact.path) else bytes_of(artifact),
        )
        self._opened.callback(candidate.runner.close)
        spec = resolve_spec(artifact, candidate.runner)
        return replace(
            candidate,
            input_specs=spec.inputs,
            output_specs=spec.outputs,
            model_sha256=artifact_files.hashes_of(artifact),
            path=str(artifact.path.absolute()),
            pipeline=_pipeline(candidate.runner, spec, self._settings),
        )

    def _add_baseline(self, artifact: Artifact, spec: ModelSpec) -> Candidate | None:
        """Load PyTorch on the artifact's checkpoint. If that fails, log the reason and return None."""
        wanted = self._options.device
        device = wanted if wanted in RUNTIMES["pytorch"].devices else "cpu"
        if device != wanted:
            logger.info(f"PyTorch does not run on {wanted}: the comparison is with PyTorch on the {device}")
        options = replace(self._options, device=device, precision="fp32", cuda_graphs=False)
        checkpoint, recorded = self._settings.checkpoint, artifact.provenance
        source = checkpoint or (Path(recorded.checkpoint) if recorded and recorded.checkpoint else SAMPLE)
        reference = partial(_reference, artifact, checkpoint, self._args, spec)
        try:
            return self._add_pytorch(f"{source.name} (PyTorch)", options, reference)
        except PoseDeployError as error:
            if checkpoint is not None:
                raise
            logger.info(f"no comparison with PyTorch for {artifact.path.name}: {error}")
            return None

    def _add_pytorch(self, label: str, options: RunOptions, load: Callable[[], ModelAndSpec]) -> Candidate:
        """Load a model into PyTorch, timed from the checkpoint's file on."""
        plugins.load(RUNTIMES["pytorch"].runner)
        load_once = cache(load)
        candidate = timing.load(
            label,
            lambda: open_pytorch_runner(load_once()[0], options),
            lambda runner: _tensors(runner, load_once()[1], self._settings),
        )
        self._opened.callback(candidate.runner.close)
        model, spec = load_once()
        return self._keep(
            replace(
                candidate,
                file_bytes=files.size(model.source) if model.source else None,
                model_sha256={get_path(model).name: model.sha256},
                pipeline=_pipeline(candidate.runner, spec, self._settings),
            )
        )

    def _keep(self, candidate: Candidate) -> Candidate:
        """Keep a candidate. Its label gets the first unused number if another one has the same."""
        used = {other.label for other in self.candidates}
        numbered = (f"{candidate.label} #{number}" for number in count(2))
        label = next(label for label in chain([candidate.label], numbered) if label not in used)
        self.candidates.append(replace(candidate, label=label))
        return self.candidates[-1]


def _load(source: Model | Path, args: ModelArgs) -> ModelAndSpec:
    if isinstance(source, Path):
        loaded: Model = plugins.load("posedeploy.api.load_checkpoint:open_pytorch_model")(source, args)
        source = loaded
    return source, source.spec


def _reference(artifact: Artifact, checkpoint: Path | None, args: ModelArgs, spec: ModelSpec) -> ModelAndSpec:
    reference_model = plugins.load("posedeploy.api.reference_model:load_reference_model")
    model: Model = reference_model(artifact, checkpoint, args)
    return model, match_candidate(model.spec, spec)


def _weights_of(artifact: Artifact) -> tuple[str, Stages | None]:
    """Return the checkpoint that an artifact was made from, and how much of it is used."""
    recorded = artifact.provenance
    return (recorded.checkpoint_sha256, recorded.stages) if recorded else ("", None)


def _pipeline(runner: Runner, spec: ModelSpec, settings: BenchmarkOptions) -> ImagePipeline[Placement] | None:
    """Return the steps from the image to poses; None without an image."""
    image = settings.image
    if image is None:
        return None
    predictor = Predictor(runner, spec)
    return ImagePipeline(lambda: predictor.preprocess(image), predictor.run, predictor.decode)


def _tensors(runner: Runner, spec: ModelSpec, settings: BenchmarkOptions) -> Tensors:
    """Return the input of a runner: the image, or noise."""
    ranges = runner.ranges
    if settings.image is not None:
        return Predictor(runner, spec).preprocess(settings.image)[0]
    if spec.contract is None:
        return build_noise_input(spec, settings.batch, settings.input_size, ranges).tensors
    spec = with_fixed_size(spec, settings.batch, settings.input_size, ranges)
    return build_image_inputs(spec, [("random", generate_noise_images(spec, 1)[0])])[0].tensors
