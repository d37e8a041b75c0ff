"""Compare the time for many people with that for one person, for the networks on 2D joints, in each runtime.

``python tools/bench_crowd.py [gtrs pose2mesh] [--people 32] [--runs 20]``: random weights, FP32, one
artifact with a dynamic batch axis, one person and all people timed in the same rounds. The last column is a
lower bound for that runtime: the arithmetic for all people (``count_flops.py``) at the speed of a large
matrix product, measured in the same run, divided by the time of one person.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.benchmarks import timing
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Artifact, Model, RunOptions, Tensors
from tools.bench_families import opened
from tools.command_line import run_tool
from tools.count_flops import gflop
from tools.published_networks import networks

TARGETS = ("torchscript", "onnx", "openvino")
"""The default targets in which both networks have a dynamic batch axis."""
SIDE, PRODUCTS = 2048, 10


def product_gflops() -> float:
    """Return the operations per second of a large FP32 matrix product in units of 10^9, the best of ten."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    times = []
    for _ in range(PRODUCTS):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * SIDE**3 / min(times) / 1e9


def times_of(model: Model, folder: Path, people: int, runs: int) -> dict[tuple[str, int], Latency]:
    """Return the times by runtime and number of people."""
    artifacts = export(model, TARGETS, folder, "net", ExportOptions(dynamic=True))
    (tensor,) = model.spec.inputs
    chance = np.random.RandomState(0)
    crowd = chance.standard_normal((people, *map(int, tensor.shape[1:]))).astype(np.float32)

    def runner(artifact: Artifact | None) -> Runner:
        options = RunOptions()
        return PyTorchRunner(model, options) if artifact is None else open_runner(artifact, options)

    def inputs(count: int, _: Runner) -> Tensors:
        return {tensor.name: crowd[:count]}

    with ExitStack() as running:
        candidates = []
        for artifact in (None, *artifacts):
            name = "pytorch" if artifact is None else artifact.target
            for count in (1, people):
                candidate = timing.load(f"{name} {count}", partial(runner, artifact), partial(inputs, count))
                running.callback(candidate.runner.close)
                candidates.append(candidate)
        results = timing.measure(candidates, runs=runs)
    keys = [(name, count) for name in ("pytorch", *TARGETS) for count in (1, people)]
    return dict(zip(keys, results, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "networks", nargs="*", default=["gtrs", "pose2mesh"], help="beginnings of the names of networks"
    )
    parser.add_argument("--people", type=int, default=32)
    parser.add_argument("--runs", type=int, default=20)
    arguments = parser.parse_args()
    people = arguments.people
    torch.manual_seed(0)
    print(f"| network | runtime | one person, ms | {people} people, ms | times one | spread | least |")
    print("|---" * 7 + "|")
    for name, network, shape in networks(arguments.networks):
        with tempfile.TemporaryDirectory() as folder:
            model = opened(network, shape, Path(folder))
            results = times_of(model, Path(folder), people, arguments.runs)
            arithmetic_ms = 1e3 * people * gflop(model.export_form or model.module, shape) / product_gflops()
        for runtime in ("pytorch", *TARGETS):
            one, crowd = results[runtime, 1], results[runtime, people]
            spread = max(one.spread or 0.0, crowd.spread or 0.0)
            print(
                f"| {name} | {runtime} | {one.median_ms:.3g} | {crowd.median_ms:.4g} "
                f"| {crowd.median_ms / one.median_ms:.3g} | {spread:.0%} "
                f"| {arithmetic_ms / one.median_ms:.3g} |",
                flush=True,
            )
    print(f"\n{describe_machine()}")


if __name__ == "__main__":
    run_tool(main)
