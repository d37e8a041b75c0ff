"""A runner that is used, closed or interrupted within its own run."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from posedeploy.errors import RunnerStateError
from posedeploy.runtimes.base import CLOSED, REENTERED, Runner
from posedeploy.types import RuntimeInfo, Tensors, TensorSpec


class Calling(Runner):
    """A runner that calls ``within`` in every run."""

    inputs = outputs = (TensorSpec("data", (1,)),)
    runtime_info = RuntimeInfo("calling", "1", "CPU", "fp32", 1)

    def __init__(self, within: Callable[[Runner], object]) -> None:
        self.within = within
        self.closings = 0

    def _run(self, tensors: Tensors) -> Tensors:
        self.within(self)
        return tensors

    def _close(self) -> None:
        self.closings += 1


ONE = {"data": np.ones(1, np.float32)}


@pytest.mark.parametrize(
    "within",
    [
        lambda runner: runner.run(ONE),
        lambda runner: list(runner.stream([ONE])),
        lambda runner: runner.close(),
        lambda runner: runner.__enter__(),
    ],
    ids=["run", "stream", "close", "with"],
)
@pytest.mark.parametrize(
    "use", [lambda runner: runner.run(ONE), lambda runner: next(runner.stream([ONE]))], ids=["run", "stream"]
)
def test_a_network_that_uses_its_own_runner_is_refused(
    within: Callable[[Runner], object], use: Callable[[Runner], object]
) -> None:
    runner = Calling(within)
    with pytest.raises(RunnerStateError, match=f"^{re.escape(REENTERED)}$"):
        use(runner)
    runner.within = id
    assert runner.run(ONE) == ONE
    runner.close()
    assert runner.closings == 1


def test_ctrl_c_within_a_run_leaves_the_runner_usable() -> None:
    runner = Calling(lambda _: signal.raise_signal(signal.SIGINT))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            runner.run(ONE)
    runner.close()
    assert runner.closings == 1


def test_a_run_that_waits_while_the_runner_closes_is_refused() -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold(_: Runner) -> None:
        entered.set()
        leave.wait(20)

    runner = Calling(hold)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(runner.run, ONE)
        entered.wait(20)
        closing = pool.submit(runner.close)
        second = pool.submit(runner.run, ONE)
        assert not (first.done() or closing.done() or second.done())
        assert runner.closings == 0
        leave.set()
        assert first.result() == ONE
        closing.result()
        assert second.exception() is None or str(second.exception()) == CLOSED
    assert runner.closings == 1


def test_a_stream_that_is_garbage_collected_within_a_run_does_not_hang() -> None:
    runner = Calling(id)
    streams = [runner.stream([ONE, ONE, ONE])]
    next(streams[0])
    runner.within = lambda _: streams.clear()
    assert runner.run(ONE) == ONE
    runner.close()


def test_an_error_of_the_inputs_ends_only_the_stream() -> None:
    def broken() -> Iterator[Tensors]:
        yield ONE
        raise OSError("no more")

    with Calling(id) as runner:
        with pytest.raises(OSError, match="no more"):
            list(runner.stream(broken()))
        assert list(runner.stream([ONE])) == [ONE]
