"""The latency of models and of PyTorch on their checkpoints, in the same rounds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from posedeploy.api.benchmark_candidates import BenchmarkOptions, CandidateLoader
from posedeploy.api.benchmark_runs import check_scenario, choose_loads, choose_runs
from posedeploy.api.compared_models import check_inputs, compare_with_last
from posedeploy.api.earlier_report import EarlierReport, read_report
from posedeploy.api.latency_report import LatencyReport
from posedeploy.api.model_args import (
    ModelArgs,
    ModelKeywords,
    ModelSource,
    get_path,
    list_models,
    optional_path,
    to_source,
)
from posedeploy.api.own_process import OwnProcess
from posedeploy.api.pose_inputs import to_frame
from posedeploy.api.reporting import report_steps
from posedeploy.argument_types import check_arguments
from posedeploy.benchmarks import timing
from posedeploy.benchmarks.latency import RUNS_PER_ROUND, Latency, join_loads
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.convert.export_options import ignore_progress
from posedeploy.printable import counted
from posedeploy.types import (
    HINTS,
    Array,
    Artifact,
    Model,
    OnProgress,
    Precision,
    RunOptions,
    Scenario,
    StrPath,
)


@check_arguments
def benchmark(
    models: ModelSource | Iterable[ModelSource],
    runs: int | None = None,
    *,
    device: str = "cpu",
    precision: Precision | None = None,
    threads: int | None = None,
    scenario: Scenario = "single-stream",
    loads: int | None = None,
    seed: int | None = None,
    compare: ModelSource | None = None,
    image: StrPath | Array | None = None,
    footprint: bool = False,
    batch: int | None = None,
    input_size: tuple[int, int] | None = None,
    runtime: str | None = None,
    checkpoint: StrPath | None = None,
    on_progress: OnProgress = ignore_progress,
    **model_args: Unpack[ModelKeywords],
) -> LatencyReport:
    """Time models in the same rounds as PyTorch on the checkpoint of each artifact.

    Args:
        models: artifacts, checkpoints or their paths; one or several.
        runs: timed runs of each, one in each round; p90 needs 100, p99 1000. None is 100, and with
            ``compare`` at least as many as a verdict needs: 200 in the offline scenario.
        precision: the precision of the arithmetic of all models; None means the one that each artifact was
            exported for, ``fp32`` if it leaves that open, and ``fp32`` for checkpoints.
        scenario: ``single-stream`` times one input after another, ``offline`` many in flight.
        loads: how often each model is loaded anew; the runs are divided among the loads. None is 1, and
            ``LOADS_TO_COMPARE`` with ``compare``.
        seed: determines the order of the models in each round; None is a fixed seed.
        compare: a model to time in the same rounds, or the path of the JSON of an earlier report. The new
            report then has a verdict on each model.
        image: a path, or an array (H, W, 3) uint8 BGR, to run on instead of noise. Preprocessing and
            decoding are then timed too.
        footprint: also load each model in a separate process to measure its start, peak memory and energy.
        batch: the number of images per run, if this axis is dynamic; None is 1.
        input_size: (height, width) in px, if these axes are dynamic; None is the published size.
        checkpoint: the checkpoint to compare with, instead of the one that each manifest records.
        model_args: as ``ModelKeywords`` documents them: what describes models without a manifest, or the only
            model.

    Raises:
        InputError: the report in ``compare`` comes from another machine, or was measured with other options;
            or the model in ``compare`` has another batch or input size.
        MeasurementError: a clock of the machine ran backwards.
        PoseDeployError: a model cannot be opened or run as requested. A missing checkpoint is not an error:
            the artifact then has no ``speedup``, and a remark is logged.
    """
    runs = choose_runs(runs, scenario, is_compared=compare is not None)
    settings = BenchmarkOptions(
        runs=runs,
        loads=choose_loads(runs, loads, scenario, is_compared=compare is not None),
        input_size=input_size,
        batch=batch,
        runtime=runtime,
        checkpoint=optional_path(checkpoint),
        image=None if image is None else to_frame(image).image,
    )
    check_scenario(settings, scenario)
    sources, machine = list_models(models), describe_machine(device)
    earlier = _earlier_report(compare)
    if earlier is not None:
        earlier.check_machine(machine)
    elif compare is not None:
        sources.append(to_source(compare))
    run = _Benchmark(
        RunOptions(device, precision, threads, HINTS[scenario]),
        settings,
        ModelArgs.of(model_args),
        scenario,
        timing.SEED if seed is None else seed,
        is_compared=compare is not None,
        earlier=earlier,
        on_progress=on_progress,
    )
    results, labels, failures = run.measure_loads(sources, footprint=footprint)
    if earlier is not None:
        remarks = earlier.remarks(machine, results)
        return LatencyReport(results, machine, run.seed, earlier.compare(results), remarks, failures)
    comparisons = () if compare is None else compare_with_last(results, labels)
    return LatencyReport(results, machine, run.seed, comparisons, failures=failures)


@dataclass(frozen=True)
class _Benchmark:
    """Loads models and measures them, as often as there are loads."""

    options: RunOptions
    settings: BenchmarkOptions
    args: ModelArgs
    scenario: Scenario
    seed: int
    on_progress: OnProgress
    is_compared: bool
    earlier: EarlierReport | None

    def measure_loads(
        self, sources: Sequence[Model | Artifact | Path], *, footprint: bool
    ) -> tuple[tuple[Latency, ...], list[str], tuple[str, ...]]:
        """Return the results, the labels of the models without their baselines, and why footprints are
        missing."""
        own_process = OwnProcess(self.options, self.settings, self.args, args_describe_all=len(sources) == 1)
        if footprint:
            own_process.check(sources)
        parts: list[list[Latency]] = []
        labels: list[str] = []
        for number, rounds in enumerate(self.settings.rounds_of_each_load(self.scenario)):
            with self._loaded(sources, repeats=number > 0) as loader:
                self._check(loader)
                parts.append(self._measure(loader, number, rounds))
                labels = loader.labels
        results = join_loads(parts)
        failures: tuple[str, ...] = ()
        if footprint:
            models = list(zip(sources, labels, strict=True))
            results, failures = own_process.add_footprints(results, models, self.on_progress)
        return results, labels, failures

    @contextmanager
    def _loaded(
        self, sources: Sequence[Model | Artifact | Path], *, repeats: bool
    ) -> Iterator[CandidateLoader]:
        """Load the models; the block gets the loader."""
        with ExitStack() as opened:
            loader = CandidateLoader(
                self.options, self.settings, self.args, opened, args_describe_all=len(sources) == 1
            )
            with _without_remarks() if repeats else ExitStack():
                for source in sources:
                    self.on_progress(f"loading {get_path(source)}", None)
                    loader.add(source)
                if self.earlier is not None:
                    for artifact, label in self.earlier.find_models(loader.candidates):
                        loader.add_earlier(artifact, label)
            yield loader

    def _check(self, loader: CandidateLoader) -> None:
        """Check that the models can be compared as requested."""
        if self.earlier is not None:
            self.earlier.check_candidates(loader.candidates, self.scenario)
        elif self.is_compared:
            check_inputs(loader.candidates, loader.labels)

    def _measure(self, loader: CandidateLoader, number: int, rounds: int) -> list[Latency]:
        """Measure what is loaded. number: the number of this load, from 0."""
        loads = f", load {number + 1} of {self.settings.loads}" if self.settings.loads > 1 else ""
        doing = f"timing {len(loader.candidates)} models, {counted(rounds, 'round')}{loads}"
        return timing.measure(
            loader.candidates,
            runs=rounds * RUNS_PER_ROUND[self.scenario],
            scenario=self.scenario,
            seed=self.seed + number,
            on_progress=report_steps(self.on_progress, doing),
        )


def _earlier_report(compare: ModelSource | None) -> EarlierReport | None:
    """Return the report that a path names; None for a model."""
    if compare is None or isinstance(compare, (Model, Artifact)) or Path(compare).suffix.lower() != ".json":
        return None
    return read_report(Path(compare))


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Log no remarks, which the first load has logged already."""
    logger = logging.getLogger("posedeploy")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
