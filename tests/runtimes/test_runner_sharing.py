"""One runner in several threads, after closing, and in a forked process, for every runtime."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.errors import RunnerStateError
from posedeploy.runtimes.adapted import AdaptedRunner
from posedeploy.runtimes.base import CLOSED, FORKED, Runner
from posedeploy.types import Artifact, Model, Tensors
from tests.runtimes.forked import in_forked_process
from tests.runtimes.runner_cases import PAIRS, SEEDS, Opener, close_to, opener_of
from tests.support.networks import tiny_image

WRAPPED = ("adapted", "cached")


@pytest.fixture(params=[*PAIRS, *(("onnx", wrapper) for wrapper in WRAPPED)], ids="-on-".join)
def opener(request: pytest.FixtureRequest, tiny: Model, exported: dict[str, Artifact]) -> Opener:
    """Return a function that opens the tiny network, for each target and runtime, also in a wrapper."""
    target, runtime = request.param
    if runtime not in WRAPPED:
        return opener_of(target, runtime, tiny, exported)
    inner = opener_of(target, "onnxruntime", tiny, exported)

    def opened() -> Runner:
        return AdaptedRunner(inner(), tiny.spec) if runtime == "adapted" else CachingRunner(inner())

    return opened


def _images() -> Iterator[Tensors]:
    return map(tiny_image, SEEDS)


def test_threads_share_a_runner(opener: Opener, expected_outputs: list[Tensors]) -> None:
    def runs(seed: int) -> bool:
        return all(close_to(runner.run(tiny_image(seed)), expected_outputs[seed]) for _ in range(10))

    def streams(_: int) -> bool:
        return all(map(close_to, runner.stream(_images()), expected_outputs))

    with opener() as runner, ThreadPoolExecutor(8) as pool:
        assert all([*pool.map(runs, SEEDS), *pool.map(streams, range(4)), *pool.map(runs, SEEDS)])


def test_streams_and_runs_may_be_nested(opener: Opener, expected_outputs: list[Tensors]) -> None:
    def images() -> Iterator[Tensors]:
        for seed in SEEDS:
            assert close_to(runner.run(tiny_image(seed)), expected_outputs[seed])
            yield tiny_image(seed)

    with opener() as runner:
        for outer, inner, expected in zip(
            runner.stream(images()), runner.stream(_images()), expected_outputs, strict=True
        ):
            assert close_to(outer, expected) and close_to(inner, expected)
            assert close_to(runner.run(tiny_image(1)), expected_outputs[1])


def _use(runner: Runner) -> dict[str, Callable[[], object]]:
    return {
        "run": lambda: runner.run(tiny_image()),
        "run without inputs": lambda: runner.run({}),
        "stream": lambda: runner.stream([]),
        "with": runner.__enter__,
    }


def test_a_closed_runner_is_refused(opener: Opener) -> None:
    runner = opener()
    with runner:
        started, unstarted = runner.stream(_images()), runner.stream(_images())
        next(started)
    uses = _use(runner) | {"a stream": lambda: next(started), "another": lambda: next(unstarted)}
    for use in uses.values():
        with pytest.raises(RunnerStateError, match=f"^{re.escape(CLOSED)}$"):
            use()
    runner.close()
    assert (runner.inputs[0].name, runner.ranges.keys() <= {"data"}) == ("data", True)
    assert runner.runtime_info.precision


def test_a_stream_starts_nothing_on_a_runner_closed_after_the_check(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = opener()
    monkeypatch.setattr(runner, "check", lambda tensors: runner.close())
    with pytest.raises(RunnerStateError, match=r"^this runner is closed"):
        next(runner.stream([next(iter(_images()))]))


def test_a_stream_ends_with_its_runner(opener: Opener, expected_outputs: list[Tensors]) -> None:
    runner = opener()
    found = []
    with pytest.raises(RunnerStateError, match=re.escape(CLOSED)):
        for result in runner.stream(_images()):
            found.append(result)
            runner.close()
    assert len(found) == 1 and close_to(found[0], expected_outputs[0])


def test_closing_waits_for_the_current_run(opener: Opener, expected_outputs: list[Tensors]) -> None:
    runner, running = opener(), threading.Barrier(5)

    def until_closed(work: Callable[[], bool]) -> str:
        running.wait()
        try:
            while work():
                pass
        except RunnerStateError as error:
            return str(error)
        return "a wrong result"

    def runs() -> bool:
        return close_to(runner.run(tiny_image(2)), expected_outputs[2])

    def streams() -> bool:
        return all(map(close_to, runner.stream(_images()), expected_outputs))

    with ThreadPoolExecutor(4) as pool:
        ends = [pool.submit(until_closed, work) for work in (runs, streams, runs, streams)]
        running.wait()
        assert runs()
        runner.close()
    assert [end.result() for end in ends] == [CLOSED] * 4


@pytest.mark.parametrize("abandoned", [False, True], ids=["idle", "in a stream"])
def test_an_unreferenced_runner_is_freed(opener: Opener, abandoned: bool) -> None:
    others = threading.enumerate()
    runner = opener()
    stream = runner.stream(_images())
    if abandoned:
        next(stream)
    else:
        runner.run(tiny_image())
    gone = weakref.ref(runner)
    del runner, stream
    for thread in set(threading.enumerate()) - set(others):  # the run that was under way ends first
        thread.join(20)
    if gone() is not None:
        gc.collect()
    assert gone() is None


@pytest.mark.parametrize("copy_of", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_runner_cannot_be_copied(opener: Opener, copy_of: Callable[[Runner], object]) -> None:
    with (
        opener() as runner,
        pytest.raises(RunnerStateError, match="cannot be copied or sent to another process"),
    ):
        copy_of(runner)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_is_refused_or_runs(opener: Opener, expected_outputs: list[Tensors]) -> None:
    refusals = (f"RunnerStateError: {FORKED}", "RunnerStateError: PyTorch cannot run in this process")
    with opener() as runner:
        assert close_to(runner.run(tiny_image(1)), expected_outputs[1])
        ran = in_forked_process(lambda: close_to(runner.run(tiny_image(3)), expected_outputs[3]))
        assert ran == "True" or ran.startswith(refusals)
        stream = runner.stream(_images())
        next(stream)
        assert in_forked_process(lambda: next(stream)) == refusals[0]
        assert in_forked_process(runner.close) == "None"
        assert close_to(next(stream), expected_outputs[1]), "the parent goes on"
        assert close_to(runner.run(tiny_image(3)), expected_outputs[3])
