"""Print the latency of every published network in every runtime, as the table in docs/networks.md.

``python tools/bench_families.py [NAME ...]``: random weights, one image or person, float32, all runtimes of
a network and PyTorch eager timed in the same rounds. Each cell is the median in ms and, in brackets,
how many times as fast as PyTorch that is; last comes the largest spread of a row.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.backends import TARGETS, runtime_for
from posedeploy.benchmarks import timing
from posedeploy.benchmarks.inputs import build_noise_input
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.checkpoints import pose2mesh
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.convert.export import export
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Artifact, Model, RunOptions, Tensors
from tools.command_line import run_tool
from tools.published_networks import networks, smpl_like_mesh

RUNS = 30


def with_statistics(network: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """Return the network with BatchNorm statistics that fit its weights. Otherwise values vanish layer by
    layer, and arithmetic on subnormal numbers is slow."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    network.train()
    with torch.no_grad():
        network(torch.randn(2, *shape[1:]))
    return network.eval()


def opened(network: nn.Module, shape: tuple[int, ...], folder: Path) -> Model:
    """Save a network of ``published_networks`` as a checkpoint in the folder, and open it."""
    path, mesh = folder / "net.pth", folder / "mesh.npy"
    torch.save(with_statistics(network, shape).state_dict(), path)
    np.save(mesh, smpl_like_mesh())
    return open_checkpoint(path, mesh=mesh if isinstance(network, pose2mesh.Pose2Mesh) else None)


def row_of(model: Model, artifacts: Mapping[str, Artifact]) -> dict[str, Latency]:
    """Return the times of PyTorch and of each artifact on its default runtime, by name, at the same fixed
    shapes."""
    options = RunOptions()
    tensors = build_noise_input(next(iter(artifacts.values())).spec).tensors
    with ExitStack() as opened:

        def candidate(name: str, artifact: Artifact | None) -> timing.Candidate:
            def runner() -> Runner:
                return PyTorchRunner(model, options) if artifact is None else open_runner(artifact, options)

            def inputs(_: Runner) -> Tensors:
                return tensors

            candidate = timing.load(name, runner, inputs)
            opened.callback(candidate.runner.close)
            return candidate

        candidates = [candidate("pytorch", None)]
        candidates += [candidate(name, artifact) for name, artifact in artifacts.items()]
        return {result.label: result for result in timing.measure(candidates, runs=RUNS)}


def each_opened(names: Sequence[str]) -> Iterator[tuple[str, nn.Module, tuple[int, ...], Model, Path]]:
    """Yield the name, network, input shape, model and temporary folder of each network whose name begins with
    one of ``names``; of all networks if there are none."""
    for name, network, shape in networks(names):
        with tempfile.TemporaryDirectory() as folder:
            yield name, network, shape, opened(network, shape, Path(folder)), Path(folder)


def cell(result: Latency, baseline: Latency) -> str:
    """Return the median and the speedup, such as ``12.3 (1.5x)``."""
    return f"{result.median_ms:.3g} ({baseline.median_ms / result.median_ms:.2g}x)"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="beginnings of the networks' names; all if not given")
    default = [target.name for target in TARGETS.values() if target.is_default]
    parser.add_argument("--to", nargs="+", default=default, choices=list(TARGETS))
    arguments = parser.parse_args()
    torch.manual_seed(0)
    titles = [runtime_for(TARGETS[target]).name for target in arguments.to]
    print("| network | pytorch | " + " | ".join(titles) + " | spread |")
    print("|---" * (len(titles) + 3) + "|")
    for name, _, _, model, folder in each_opened(arguments.names):
        artifacts = export(model, arguments.to, folder, "net")
        results = row_of(model, {artifact.target: artifact for artifact in artifacts})
        baseline = results["pytorch"]
        cells = [f"{baseline.median_ms:.3g}", *(cell(results[target], baseline) for target in arguments.to)]
        spread = max(result.spread or 0.0 for result in results.values())
        print(f"| {name} | " + " | ".join(cells) + f" | {spread:.0%} |", flush=True)
    print(f"\n{describe_machine()}")


if __name__ == "__main__":
    run_tool(main)
