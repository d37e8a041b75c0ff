"""``posedeploy bench``: how fast artifacts are, all in the same rounds, with PyTorch beside them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from posedeploy import files, manifest, plugins
from posedeploy.backends import RUNTIMES, is_model, runtime_for, target_of
from posedeploy.benchmarks import latency
from posedeploy.benchmarks.inputs import (
    NO_RANGES,
    image_samples,
    plain,
    random_images,
    random_tensors,
    sized,
)
from posedeploy.benchmarks.latency import Candidate, Latency
from posedeploy.benchmarks.machine_info import this_machine
from posedeploy.console.load_model import ModelArgs, is_checkpoint, open_described, pytorch_runner
from posedeploy.console.output import check_json, counting, out, say, show, warn, working, write_json
from posedeploy.console.tables import bytes_of, footprint_table, integers_line, latency_table
from posedeploy.errors import InputError, PoseDeployError
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import devices_of, open_artifact, open_runner, resolve_spec, runner_of
from posedeploy.types import Artifact, Model, ModelSpec, Ranges, RunOptions, Stages, Tensors


@dataclass(frozen=True)
class BenchOptions:
    """What to time: how often, at which input size and batch where axes are free, and on which runtime."""

    runs: int = 100
    input_size: tuple[int, int] | None = None
    batch: int | None = None
    runtime: str | None = None
    checkpoint: Path | None = None


def run(
    paths: list[Path],
    folder: Path,
    options: RunOptions,
    settings: BenchOptions,
    described: ModelArgs,
    json: Path | None,
) -> None:
    """Time every model named, or every artifact in the folder, and show the tables."""
    for option, number in (("--runs", settings.runs), ("--batch", settings.batch)):
        if number is not None and number < 1:
            raise InputError(f"{option} {number}: it is at least 1")
    check_json(json)
    machine = this_machine()
    with ExitStack() as opened:
        candidates = _candidates(
            paths or _runnable(_in_folder(folder), options, settings), options, settings, described, opened
        )
        with counting(f"timing {len(candidates)} models, {settings.runs} runs each") as on_progress:
            results = latency.measure(
                candidates, runs=settings.runs, hint=options.hint, on_progress=on_progress
            )
    show(latency_table(results), footprint_table(results))
    out.print(str(machine), style="dim")
    for line in filter(None, map(integers_line, results)):
        out.print(line, markup=False, soft_wrap=True)
    for result in results:
        if result.warning:
            warn(result.warning)
    if json is not None:
        write_json(json, document(results, asdict(machine)))


def document(results: list[Latency], machine: dict[str, Any]) -> dict[str, Any]:
    """The results as a versioned document: raw times first, what is derived from them beside."""
    return {
        "format": "posedeploy.bench",
        "version": 1,
        "machine": machine,
        "results": [
            asdict(result)
            | {
                "load_ms": result.load_ms,
                "first_run_ms": result.first_run_ms,
                "median_ms": result.median_ms,
                "p90_ms": result.percentile_ms(90),
                "p99_ms": result.percentile_ms(99),
                "spread": result.spread,
                "images_per_s": result.images_per_s,
                "speed_up": result.speed_up,
                "warning": result.warning,
            }
            for result in results
        ],
    }


def _in_folder(folder: Path) -> list[Path]:
    """The artifacts of a folder; where there is none yet, the sample is exported into it first."""
    found = sorted(path for path in folder.glob("*") if is_model(path))
    if found:
        return found
    made: list[Artifact] = plugins.load("posedeploy.commands.export:export_sample")(folder)
    return [artifact.path for artifact in made]


def _runnable(paths: list[Path], options: RunOptions, settings: BenchOptions) -> list[Path]:
    """Those of a folder's artifacts whose runtime has the device; the others are named and left out, but
    where none would be left."""
    devices = {path: devices_of(open_artifact(path), settings.runtime) for path in paths}
    able = [path for path in paths if options.device in devices[path]]
    for path in paths if able else ():
        if path not in able:
            runtime = runtime_for(target_of(path), settings.runtime)
            warn(f"{path}: left out; {runtime.name} runs on {', '.join(devices[path])}, not {options.device}")
    return able or paths


def _candidates(
    paths: list[Path], options: RunOptions, settings: BenchOptions, described: ModelArgs, opened: ExitStack
) -> list[Candidate]:
    """Every model named, after PyTorch on its checkpoint, which comes once per checkpoint and input.

    ``opened`` closes the runners of all that could be loaded.
    """
    candidates: list[Candidate] = []
    baselines: dict[tuple[str, Stages | None, str], Candidate | None] = {}

    def keep(candidate: Candidate) -> Candidate:
        candidates.append(replace(candidate, label=_unique(candidate.label, candidates)))
        return candidates[-1]

    for path in paths:
        with working(f"loading {path}"):
            if is_checkpoint(path):
                keep(_pytorch(path.name, options, settings, partial(_model, path, described), opened))
                continue
            artifact = open_described(path, _description(path, paths, described))
            candidate, spec = _loaded(artifact, options, settings, opened)
            key = (*_weights_of(artifact), _input_of(candidate))
            if key not in baselines:
                baseline = _baseline(artifact, spec, options, settings, described, opened)
                baselines[key] = keep(baseline) if baseline else None
            keep(replace(candidate, baseline=baselines[key]))
    return candidates


def _unique(label: str, candidates: list[Candidate]) -> str:
    """The label, with a number where another candidate has it."""
    same = sum(candidate.label.partition(" #")[0] == label for candidate in candidates)
    return f"{label} #{same + 1}" if same else label


def _description(path: Path, paths: list[Path], described: ModelArgs) -> ModelArgs:
    """What the user said, for a model without a manifest, or for the only one that is named."""
    return described if len(paths) == 1 or not manifest.has_one(path) else ModelArgs()


def _model(path: Path, described: ModelArgs) -> tuple[Model, ModelSpec]:
    model: Model = plugins.load("posedeploy.console.pytorch_models:open_model")(path, described)
    return model, model.spec


def _weights_of(artifact: Artifact) -> tuple[str, Stages | None]:
    """The checkpoint that an artifact was made from, and how much of it is used."""
    made = artifact.provenance
    return (made.checkpoint_sha256, made.stages) if made else ("", None)


def _input_of(candidate: Candidate) -> str:
    """The size and batch of the work, whatever layout and type the artifact takes it in."""
    return "x".join(str(sorted(array.shape)) for array in candidate.tensors.values())


def _loaded(
    artifact: Artifact, options: RunOptions, settings: BenchOptions, opened: ExitStack
) -> tuple[Candidate, ModelSpec]:
    # Its import is not its load.
    runner_of(artifact, settings.runtime)
    specs: list[ModelSpec] = []

    def tensors(runner: Runner) -> Tensors:
        specs.append(resolve_spec(artifact, runner))
        return _tensors(specs[0], settings, runner.ranges)

    candidate = latency.load(
        artifact.path.name,
        lambda: open_runner(artifact, options, settings.runtime),
        tensors,
        file_bytes=bytes_of(artifact),
    )
    opened.callback(candidate.runner.close)
    return replace(candidate, input_specs=specs[0].inputs, output_specs=specs[0].outputs), specs[0]


def _baseline(
    artifact: Artifact,
    spec: ModelSpec,
    options: RunOptions,
    settings: BenchOptions,
    described: ModelArgs,
    opened: ExitStack,
) -> Candidate | None:
    """PyTorch on the artifact's checkpoint; None, and a remark, where that is not to be had."""

    def reference() -> tuple[Model, ModelSpec]:
        reference_model = plugins.load("posedeploy.console.pytorch_models:reference_model")
        model: Model = reference_model(artifact, settings.checkpoint, described)
        return model, plain(model.spec, spec)

    device = options.device if options.device in RUNTIMES["pytorch"].devices else "cpu"
    if device != options.device:
        say(f"PyTorch does not run on {options.device}: the comparison is with PyTorch on the {device}")
    made = artifact.provenance
    source = settings.checkpoint or (Path(made.checkpoint) if made and made.checkpoint else None)
    name = source.name if source else "sample"
    try:
        asked = replace(options, device=device, precision="fp32", cuda_graphs=False)
        return _pytorch(f"{name} (PyTorch)", asked, settings, reference, opened)
    except PoseDeployError as error:
        if settings.checkpoint is not None:
            raise
        say(f"no comparison with PyTorch for {artifact.path.name}: {error}")
        return None


def _pytorch(
    label: str,
    options: RunOptions,
    settings: BenchOptions,
    opener: Callable[[], tuple[Model, ModelSpec]],
    opened: ExitStack,
) -> Candidate:
    """PyTorch, its loading timed from the checkpoint's file on."""
    plugins.load(RUNTIMES["pytorch"].runner)
    models: list[tuple[Model, ModelSpec]] = []

    def runner() -> Runner:
        models.append(opener())
        return pytorch_runner(models[0][0], options)

    candidate = latency.load(label, runner, lambda runner: _tensors(models[0][1], settings))
    opened.callback(candidate.runner.close)
    source = models[0][0].source
    return replace(candidate, file_bytes=files.size(source) if source else None)


def _tensors(spec: ModelSpec, settings: BenchOptions, ranges: Ranges = NO_RANGES) -> Tensors:
    if spec.contract is None:
        return random_tensors(spec, settings.batch, settings.input_size, ranges).tensors
    spec = sized(spec, settings.batch, settings.input_size, ranges)
    return image_samples(spec, [("random", random_images(spec, 1)[0])])[0].tensors
