"""The targets and runtimes that run on a CPU, and functions that open the tiny network on each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from posedeploy import plugins
from posedeploy.backends import RUNTIMES
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Artifact, Model, RunOptions, Tensors
from tests.support.tables import ON_CPU

PYTORCH = "pytorch"
PAIRS = [(PYTORCH, PYTORCH), *((t.name, runtime) for t in ON_CPU.values() for runtime in t.runtimes)]
ARTIFACT_PAIRS = PAIRS[1:]
SEEDS = range(6)
"""The seeds of images with known outputs."""
Opener = Callable[..., Runner]


def opener_of(target: str, runtime: str, model: Model, artifacts: dict[str, Artifact]) -> Opener:
    def opened(options: RunOptions = RunOptions(threads=1)) -> Runner:  # noqa: B008 - frozen
        if target == PYTORCH:
            runner: Runner = plugins.load(RUNTIMES[PYTORCH].runner)(model, options)
            return runner
        return open_runner(artifacts[target], options, runtime)

    return opened


def close_to(found: Tensors, wanted: Tensors) -> bool:
    return list(found) == list(wanted) and all(
        np.abs(found[name] - wanted[name]).max() < 1e-5 * np.abs(wanted[name]).max() for name in wanted
    )


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "random": lambda content: np.random.RandomState(0).bytes(2000),
    "text": lambda content: b"<html>404 Not Found</html>\n" * 20,
}
