"""``posedeploy bench``: how fast artifacts are, all in the same rounds, with PyTorch beside them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from posedeploy import plugins
from posedeploy.backends import RUNTIMES, TARGETS, is_checkpoint, runtime_for, target_named
from posedeploy.benchmarks import latency
from posedeploy.benchmarks.inputs import image_samples, plain, random_images, random_tensors, sized
from posedeploy.benchmarks.latency import Candidate, Latency
from posedeploy.benchmarks.machine import this_machine
from posedeploy.commands.console import counting, out, say, show, warn, working, write_json
from posedeploy.commands.opening import Described, pytorch_runner
from posedeploy.commands.tables import bytes_of, footprint_table, latency_table
from posedeploy.errors import InputError, PoseDeployError
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.opening import fitted, open_artifact, open_runner
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions, Tensors


@dataclass(frozen=True)
class BenchOptions:
    """What to time: how often, at which input size and batch where axes are free, and on which runtime."""

    runs: int = 100
    input_size: tuple[int, int] | None = None
    batch: int = 1
    runtime: str | None = None
    checkpoint: Path | None = None


def run(
    paths: list[Path],
    folder: Path,
    options: RunOptions,
    settings: BenchOptions,
    described: Described,
    json: Path | None,
) -> None:
    """Time every model named, or every artifact in the folder, and show the tables."""
    if settings.runs < 1 or settings.batch < 1:
        raise InputError(f"--runs {settings.runs} --batch {settings.batch}: both are at least 1")
    machine = this_machine()
    candidates = _candidates(paths or _in_folder(folder), options, settings, described)
    try:
        with counting(f"timing {len(candidates)} models, {settings.runs} runs each") as on_progress:
            results = latency.measure(
                candidates, runs=settings.runs, hint=options.hint, on_progress=on_progress
            )
    finally:
        for candidate in candidates:
            candidate.runner.close()
    show(latency_table(results), footprint_table(results))
    out.print(str(machine), style="dim")
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
    suffixes = tuple(target.suffix for target in TARGETS.values())
    found = sorted(path for path in folder.glob("*") if path.name.endswith(suffixes))
    if found:
        return found
    made: list[Artifact] = plugins.load("posedeploy.commands.export:export_sample")(folder)
    return [artifact.path for artifact in made]


def _candidates(
    paths: list[Path], options: RunOptions, settings: BenchOptions, described: Described
) -> list[Candidate]:
    """Every model named, after PyTorch on its checkpoint, which comes once per checkpoint and input."""
    candidates: list[Candidate] = []
    baselines: dict[tuple[str, str], str | None] = {}
    for path in paths:
        with working(f"loading {path}"):
            if is_checkpoint(path):
                model: Model = plugins.load("posedeploy.commands.models:open_model")(path, described)
                candidates.append(_pytorch(path.name, model, model.spec, options, settings))
                continue
            artifact = open_artifact(path, described.spec)
            candidate, spec = _loaded(artifact, options, settings)
            key = (artifact.provenance.checkpoint_sha256 if artifact.provenance else "", _input_of(candidate))
            if key not in baselines:
                baseline = _baseline(artifact, spec, options, settings, described)
                baselines[key] = baseline.label if baseline else None
                candidates += [baseline] if baseline else []
            candidates.append(replace(candidate, baseline=baselines[key]))
    return candidates


def _input_of(candidate: Candidate) -> str:
    """The size and batch of the work, whatever layout and type the artifact takes it in."""
    return "x".join(str(sorted(array.shape)) for array in candidate.tensors.values())


def _loaded(artifact: Artifact, options: RunOptions, settings: BenchOptions) -> tuple[Candidate, ModelSpec]:
    plugins.load(
        runtime_for(target_named(artifact.target), settings.runtime).runner
    )  # its import is not its load
    specs: list[ModelSpec] = []

    def tensors(runner: Runner) -> Tensors:
        specs.append(fitted(artifact, runner))
        return _tensors(specs[0], settings)

    candidate = latency.load(
        artifact.path.name,
        lambda: open_runner(artifact, options, settings.runtime),
        tensors,
        file_bytes=bytes_of(artifact.path, artifact.files or _companions(artifact)),
    )
    return candidate, specs[0]


def _companions(artifact: Artifact) -> list[str]:
    """What belongs to a model without a manifest: files of its name with its target's other suffixes."""
    names = [artifact.path.with_suffix(suffix).name for suffix in target_named(artifact.target).companions]
    return [name for name in names if artifact.path.with_name(name).is_file()]


def _baseline(
    artifact: Artifact, spec: ModelSpec, options: RunOptions, settings: BenchOptions, described: Described
) -> Candidate | None:
    """PyTorch on the artifact's checkpoint; None, and a remark, where that is not to be had."""
    try:
        reference_model = plugins.load("posedeploy.commands.models:reference_model")
        model: Model = reference_model(artifact, settings.checkpoint, described)
    except PoseDeployError as error:
        if settings.checkpoint is not None:
            raise
        say(f"no comparison with PyTorch for {artifact.path.name}: {error}")
        return None
    label = f"{model.source.name if model.source else 'sample'} (PyTorch)"
    return _pytorch(label, model, plain(model.spec, spec), options, settings)


def _pytorch(
    label: str, model: Model, spec: ModelSpec, options: RunOptions, settings: BenchOptions
) -> Candidate:
    plugins.load(RUNTIMES["pytorch"].runner)
    device = options.device if options.device in RUNTIMES["pytorch"].devices else "CPU"
    asked = replace(options, device=device, precision="f32", hint="latency")
    return latency.load(
        label,
        lambda: pytorch_runner(model, asked),
        lambda runner: _tensors(spec, settings),
        file_bytes=model.source.stat().st_size if model.source else None,
    )


def _tensors(spec: ModelSpec, settings: BenchOptions) -> Tensors:
    if spec.contract is None:
        lengths = {"batch": settings.batch}
        if settings.input_size is not None:
            lengths |= dict(zip(("height", "width"), settings.input_size, strict=True))
        return random_tensors(spec, lengths).tensors
    spec = sized(spec, settings.batch, settings.input_size)
    return image_samples(spec, [("random", random_images(spec, 1)[0])])[0].tensors
