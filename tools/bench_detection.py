"""The rates at which ``bench --compare`` finds a planted slowdown and is wrong about equal models.

    python tools/bench_detection.py ARTIFACT [--trials 10] [--runs 120] [--threads 1] [--slowdown 0.05]

A trial loads PyTorch and the artifact as often as ``bench --compare``, and the artifact twice more in each
load: once as it is, and once in a runner that stays busy for a part of its own time after each run. Both are
compared with the first, in the same rounds, and with the previous trial, relative to PyTorch.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from posedeploy.api.benchmark_candidates import BenchmarkOptions, CandidateLoader
from posedeploy.api.benchmark_runs import LOADS_TO_COMPARE
from posedeploy.api.model_args import ModelArgs
from posedeploy.benchmarks import timing
from posedeploy.benchmarks.latency import Latency, join_loads
from posedeploy.benchmarks.time_comparison import compare_in_rounds, compare_measurements
from posedeploy.benchmarks.timed_network import TimedNetwork
from posedeploy.benchmarks.timing import Candidate
from posedeploy.runtimes.base import Runner
from posedeploy.types import RunOptions, Tensors
from tools.command_line import run_tool


class SlowedRunner(Runner):
    """Runs another runner, and then stays busy for a part of the time that it took."""

    def __init__(self, runner: Runner, slowdown: float) -> None:
        self._inner, self._slowdown = runner, slowdown
        self.inputs, self.outputs, self.runtime_info = runner.inputs, runner.outputs, runner.runtime_info
        # Processor time is that of one thread, wherever it runs; several threads would share the work.
        self._clock = time.process_time if runner.runtime_info.threads == 1 else time.perf_counter

    def _run(self, tensors: Tensors) -> Tensors:
        start = self._clock()
        outputs = self._inner.run(tensors)
        now = self._clock()
        while self._clock() < now + self._slowdown * (now - start):
            pass
        return outputs


def trial(artifact: Path, options: RunOptions, runs: int, slowdown: float, seed: int) -> tuple[Latency, ...]:
    """Return the times of PyTorch, the artifact, the artifact again and the slowed artifact."""
    parts: list[Sequence[Latency]] = []
    settings = BenchmarkOptions(runs=runs, loads=LOADS_TO_COMPARE)
    for number, count in enumerate(settings.rounds_of_each_load("single-stream")):
        with ExitStack() as opened:
            loader = CandidateLoader(options, settings, ModelArgs(), opened, args_describe_all=False)
            *_, slowed = [loader.add(artifact) for _ in range(3)]
            runner = SlowedRunner(slowed.runner, slowdown)
            candidates: list[Candidate] = [*loader.candidates[:-1], replace(slowed, runner=runner)]
            parts.append(timing.measure(candidates, runs=count, seed=seed + number))
    return join_loads(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--runs", type=int, default=120)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--slowdown", type=float, default=0.05)
    arguments = parser.parse_args()
    options = RunOptions(threads=arguments.threads)
    verdicts: dict[str, Counter[str]] = {}
    earlier: tuple[Latency, ...] = ()
    for number in range(arguments.trials):
        pytorch, old, same, slowed = measured = trial(
            arguments.artifact, options, arguments.runs, arguments.slowdown, 1000 * number
        )
        comparisons = {
            "same rounds, equal": compare_in_rounds(same, old),
            "same rounds, slowed": compare_in_rounds(slowed, old),
        }
        if earlier:
            before = TimedNetwork(earlier[1], earlier[0])
            for name, result in (("equal", old), ("slowed", slowed)):
                compared = compare_measurements(TimedNetwork(result, pytorch), before, "the previous trial")
                comparisons[f"earlier report, {name}"] = compared
        earlier = measured
        for name, each in comparisons.items():
            verdicts.setdefault(name, Counter())[each.verdict] += 1
        shown = "; ".join(
            f"{name}: {each.verdict} ({each.clock} {each.ratio:.3f})" for name, each in comparisons.items()
        )
        print(f"{number + 1}, load {psutil.getloadavg()[0]:.1f}: {shown}", flush=True)
    for name, counts in verdicts.items():
        print(f"{name}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


if __name__ == "__main__":
    run_tool(main)
