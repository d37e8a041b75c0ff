"""PyTorch as the reference of several artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from posedeploy.api.open_models import open_pytorch_runner
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.closable import Closable
from posedeploy.freed_memory import reuse_freed_memory
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.types import Model, RunOptions


class ReferenceRunners(Closable):
    """The runners of PyTorch in one comparison of several artifacts, each of which runs an input once.

    Those on a GPU are not shared, because TF32 is a setting of the process. Close it after the comparison.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._stack.enter_context(reuse_freed_memory())
        self._opened: list[tuple[tuple[object, ...], CachingRunner]] = []

    @contextmanager
    def open(self, model: Model, options: RunOptions, arithmetic: str = "fp32") -> Iterator[CachingRunner]:
        """Open the runner of a model, or return the one that already runs this model.

        Args:
            arithmetic: that of ``model.module``, which distinguishes modules of one checkpoint.
        """
        if options.device != "cpu":
            with open_pytorch_runner(model, options) as runner:
                yield CachingRunner(adapt_runner(runner, model.spec))
            return
        key = (*_identify(model), options.threads, arithmetic)
        shared = next((runner for known, runner in self._opened if known == key), None)
        if shared is None:
            runner = self._stack.enter_context(open_pytorch_runner(model, options))
            shared = CachingRunner(adapt_runner(runner, model.spec))
            self._opened.append((key, shared))
        yield shared

    def close(self) -> None:
        """Close all runners."""
        self._opened.clear()
        self._stack.close()


def _identify(model: Model) -> tuple[object, ...]:
    """Return what determines the outputs of a model."""
    return (
        model.sha256,
        model.spec,
        model.network,
        model.network_sha256,
        model.mesh_sha256,
        model.stages,
        model.weights,
    )
