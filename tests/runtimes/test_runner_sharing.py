"""One runner under threads, after it was closed and in a forked process: the same for every runtime."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from posedeploy.benchmarks.recorded_runner import RecordedRunner
from posedeploy.errors import RunnerStateError
from posedeploy.runtimes import forks
from posedeploy.runtimes.adapted import AdaptedRunner
from posedeploy.runtimes.base import CLOSED, FORKED, REENTERED, Runner
from posedeploy.types import Artifact, Model, RuntimeInfo, Tensors, TensorSpec
from tests.runtimes.test_runners import ARTIFACT_PAIRS, PAIRS, Opener, _opener
from tests.support.networks import outputs_of, tiny_image

WRAPPED = ("adapted", "recorded")
SEEDS = range(6)


@pytest.fixture(params=[*PAIRS, *(("onnx", wrapper) for wrapper in WRAPPED)], ids="-on-".join)
def opener(request: pytest.FixtureRequest, tiny: Model, exported: dict[str, Artifact]) -> Opener:
    """What opens the tiny network, as each target, on each runtime, and within each runner around another."""
    target, runtime = request.param
    if runtime not in WRAPPED:
        return _opener(target, runtime, tiny, exported)
    inner = _opener(target, "onnxruntime", tiny, exported)

    def opened() -> Runner:
        return AdaptedRunner(inner(), tiny.spec) if runtime == "adapted" else RecordedRunner(inner())

    return opened


@pytest.fixture(scope="module")
def wanted_outputs(tiny: Model) -> list[Tensors]:
    return [outputs_of(tiny, tiny_image(seed)) for seed in SEEDS]


def _right(found: Tensors, wanted: Tensors) -> bool:
    return list(found) == list(wanted) and all(
        np.abs(found[name] - wanted[name]).max() < 1e-5 * np.abs(wanted[name]).max() for name in wanted
    )


def _images() -> Iterator[Tensors]:
    return map(tiny_image, SEEDS)


def test_threads_share_a_runner(opener: Opener, wanted_outputs: list[Tensors]) -> None:
    def runs(seed: int) -> bool:
        return all(_right(runner.run(tiny_image(seed)), wanted_outputs[seed]) for _ in range(10))

    def streams(_: int) -> bool:
        return all(map(_right, runner.stream(_images()), wanted_outputs))

    with opener() as runner, ThreadPoolExecutor(8) as pool:
        assert all([*pool.map(runs, SEEDS), *pool.map(streams, range(4)), *pool.map(runs, SEEDS)])


def test_streams_and_runs_may_be_nested(opener: Opener, wanted_outputs: list[Tensors]) -> None:
    def images() -> Iterator[Tensors]:
        for seed in SEEDS:
            assert _right(runner.run(tiny_image(seed)), wanted_outputs[seed])
            yield tiny_image(seed)

    with opener() as runner:
        for outer, inner, expected in zip(
            runner.stream(images()), runner.stream(_images()), wanted_outputs, strict=True
        ):
            assert _right(outer, expected) and _right(inner, expected)
            assert _right(runner.run(tiny_image(1)), wanted_outputs[1])


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


def test_a_stream_starts_nothing_on_a_runner_that_is_closed_after_its_input_was_checked(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = opener()
    monkeypatch.setattr(runner, "check", lambda tensors: runner.close())
    with pytest.raises(RunnerStateError, match=r"^this runner is closed"):
        next(runner.stream([next(iter(_images()))]))


def test_a_stream_ends_with_its_runner(opener: Opener, wanted_outputs: list[Tensors]) -> None:
    runner = opener()
    found = []
    with pytest.raises(RunnerStateError, match=re.escape(CLOSED)):
        for result in runner.stream(_images()):
            found.append(result)
            runner.close()
    assert len(found) == 1 and _right(found[0], wanted_outputs[0])


def test_closing_waits_for_runs_and_ends_the_rest(opener: Opener, wanted_outputs: list[Tensors]) -> None:
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
        return _right(runner.run(tiny_image(2)), wanted_outputs[2])

    def streams() -> bool:
        return all(map(_right, runner.stream(_images()), wanted_outputs))

    with ThreadPoolExecutor(4) as pool:
        ends = [pool.submit(until_closed, work) for work in (runs, streams, runs, streams)]
        running.wait()
        assert runs()
        runner.close()
    assert [end.result() for end in ends] == [CLOSED] * 4


@pytest.mark.parametrize("abandoned", [False, True], ids=["idle", "in a stream"])
def test_a_runner_that_is_forgotten_is_freed(opener: Opener, abandoned: bool) -> None:
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


def test_runners_are_not_copied(opener: Opener) -> None:
    with opener() as runner:
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(RunnerStateError, match="cannot be copied or sent to another process"):
                attempt(runner)


def _in_child(work: Callable[[], object]) -> str:
    """What becomes of it in a forked process: its result, or its error."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        signal.alarm(20)  # what hangs ends by this signal
        try:
            said = str(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read().decode()
    _, status = os.waitpid(child, 0)
    return said or f"ended by signal {status}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_is_refused_or_served(opener: Opener, wanted_outputs: list[Tensors]) -> None:
    refusals = (f"RunnerStateError: {FORKED}", "RunnerStateError: PyTorch cannot run in this process")
    with opener() as runner:
        assert _right(runner.run(tiny_image(1)), wanted_outputs[1])
        ran = _in_child(lambda: _right(runner.run(tiny_image(3)), wanted_outputs[3]))
        assert ran == "True" or ran.startswith(refusals)
        stream = runner.stream(_images())
        next(stream)
        assert _in_child(lambda: next(stream)) == refusals[0]
        assert _in_child(runner.close) == "None"
        assert _right(next(stream), wanted_outputs[1]), "the parent goes on"
        assert _right(runner.run(tiny_image(3)), wanted_outputs[3])


def test_a_library_whose_threads_stayed_in_the_parent_is_refused(
    exported: dict[str, Artifact], tiny: Model
) -> None:
    opened = _opener("openvino", "openvino", tiny, exported)
    opened().close()
    assert _in_child(opened).startswith(
        "RunnerStateError: OpenVINO cannot run in this process: it ran in the"
    )
    assert _in_child(lambda: forks.start_threads("another library")) == "None"


EXIT = """
import sys, threading
from pathlib import Path
import numpy as np
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import RunOptions

runner = open_runner(open_artifact(Path(sys.argv[1])), RunOptions(threads=1), sys.argv[2])
image = {"data": np.zeros((1, 3, 32, 40), np.float32)}
half_way = runner.stream(image for _ in range(9))
next(half_way)
def finish():
    threading.main_thread().join()
    print(len(list(runner.stream(image for _ in range(30)))))
threading.Thread(target=finish).start()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("target", "runtime"), ARTIFACT_PAIRS, ids=map("-on-".join, ARTIFACT_PAIRS))
def test_a_program_ends_in_the_middle_of_streams(
    exported: dict[str, Artifact], target: str, runtime: str
) -> None:
    command = [sys.executable, "-c", EXIT, str(exported[target].path), runtime]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2]
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("30\n", "", 0)


class Calling(Runner):
    """Calls ``within`` in every run."""

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
def test_a_network_that_uses_its_own_runner_is_an_error(within: Callable[[Runner], object]) -> None:
    runner = Calling(within)
    for attempt in (runner.run, lambda one: next(runner.stream([one]))):
        with pytest.raises(RunnerStateError, match=f"^{re.escape(REENTERED)}$"):
            attempt(ONE)
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


SIGNALS = """
import signal, sys, threading
from pathlib import Path
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import RunOptions

artifact = open_artifact(Path(sys.argv[1]))
runners = [open_runner(artifact, RunOptions(threads=1), "openvino") for _ in range(3)]
runners.pop(0).close()
runners.pop(0).close()
closing = threading.Thread(target=runners.pop(0).close)
closing.start()
closing.join()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_after_runners_were_closed_in_any_order_and_thread(exported: dict[str, Artifact]) -> None:
    command = [sys.executable, "-c", SIGNALS, str(exported["openvino"].path)]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2]
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("interrupted\n", "", 0)


def test_a_run_that_waited_for_another_is_refused_when_that_one_was_the_last() -> None:
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


def test_a_stream_that_the_garbage_collector_ends_within_a_run_does_not_hang() -> None:
    runner = Calling(id)
    streams = [runner.stream([ONE, ONE, ONE])]
    next(streams[0])
    runner.within = lambda _: streams.clear()
    assert runner.run(ONE) == ONE
    runner.close()


def test_what_the_inputs_raise_ends_a_stream_only() -> None:
    def broken() -> Iterator[Tensors]:
        yield ONE
        raise OSError("no more")

    with Calling(id) as runner:
        with pytest.raises(OSError, match="no more"):
            list(runner.stream(broken()))
        assert list(runner.stream([ONE])) == [ONE]
