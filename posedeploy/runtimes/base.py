"""What every runtime offers: host arrays in, host arrays out, one run at a time, none after it is closed."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any, Self, final

import numpy as np

from posedeploy.closable import Closable
from posedeploy.errors import InputError, RunnerStateError
from posedeploy.runtimes import forks
from posedeploy.types import Array, Ranges, RuntimeInfo, Tensors, TensorSpec

CLOSED = "this runner is closed; open another one"
REENTERED = "this runner is running its network, which cannot use it or close it meanwhile"
FORKED = (
    "this runner was opened before this process was forked, and its threads or its GPU stayed in the parent; "
    "open it in the child, or start processes by the multiprocessing method 'spawn'"
)


class Runner(Closable, ABC):
    """A network that is loaded and ready to run. Use it as a context manager, or call ``close``.

    Threads may share a runner: runs take turns, those of streams too. ``close`` waits for a run that is under
    way. After it, everything but the attributes raises RunnerStateError.

    An adapter implements ``_run``, and ``_close`` where it holds a resource. Both are called by one thread at
    a time; ``_run`` gets inputs that fit, and never comes after ``_close``.

    inputs, outputs: the tensors as the runtime has them. effective: what is really in use, as read back.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    runtime_info: RuntimeInfo

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Set the state up here, so that no adapter has to call ``super().__init__``."""
        runner = super().__new__(cls)
        runner._lock = Lock()
        runner._user = 0  # the thread that runs or closes it
        runner._unusable = ""  # why, once the runner is closed or left to the parent process
        forks.watch(runner)
        return runner

    _lock: Lock
    _user: int
    _unusable: str

    @property
    def ranges(self) -> Ranges:
        """The smallest and the largest shape of each input, where free axes have limits; else nothing."""
        return {}

    @final
    def run(self, tensors: Tensors) -> Tensors:
        """Run once; returns when the device is done. The arrays returned are the caller's to keep.

        Raises:
            InputError: a tensor is missing, unknown, or of another shape or dtype than ``inputs`` says.
            RunnerStateError: the runner is closed, belongs to the parent process, or runs this very call.
        """
        self._check_state()
        self.check(tensors)
        with self._lock:  # no context manager in Python: Ctrl-C between its lines would keep the lock
            if self._unusable:  # closed while this call waited
                raise RunnerStateError(self._unusable)
            self._user = get_ident()
            try:
                return self._run(tensors)
            finally:
                self._user = 0

    @final
    def stream(self, batches: Iterable[Tensors]) -> Generator[Tensors, None, None]:
        """Results in order, the next input being run while the caller works on the last result.

        Do not change an array before its own result is out: it may be read ahead of that.
        A stream that is left early keeps nothing busy but the run that is under way.

        Raises:
            InputError: as of ``run``.
            RunnerStateError: as of ``run``; when the next result is asked for too.
        """
        self._check_state()
        return self._checked_results(batches)

    @final
    def close(self) -> None:
        """Give back what is held, after the run that is under way. Closing twice does nothing.

        In a forked process, what is held stays the parent's.

        Raises:
            RunnerStateError: the network that the runner runs tries to close it.
        """
        if self._unusable == FORKED:
            return
        self._check_not_within()
        with self._lock:
            if not self._unusable:
                self._unusable = CLOSED
                self._user = get_ident()
                try:
                    self._close()
                finally:
                    self._user = 0

    def __enter__(self) -> Self:
        self._check_state()
        return self

    def __reduce__(self) -> str:
        raise RunnerStateError("a runner cannot be copied or sent to another process; open one there")

    @abstractmethod
    def _run(self, tensors: Tensors) -> Tensors:
        """Run once on inputs that fit; returns when the device is done. The results are the caller's."""

    def _stream(self, batches: Iterator[Tensors]) -> Generator[Tensors, None, None]:
        """Results in order; ``batches`` gives inputs that fit. For a runtime with requests in flight."""
        pool = ThreadPoolExecutor(1)
        try:
            ahead = None
            for batch in batches:
                following = _submit(pool, self, batch)
                if ahead is not None:
                    yield ahead.result()
                ahead = following
            if ahead is not None:
                yield ahead.result()
        finally:
            # Not waited for: what abandons the stream may be the garbage collector, inside a run.
            pool.shutdown(wait=False, cancel_futures=True)

    def _close(self) -> None:
        """Give back what is held; called once. Nothing by default."""

    def _survives_fork(self) -> bool:
        """Whether a forked process can go on using the runner."""
        return False

    @final
    def _leave_to_parent(self) -> bool:
        """Make the runner unusable in a forked process, unless it survives; whether it did."""
        if self._unusable or (
            not self._lock.locked() and hasattr(self, "runtime_info") and self._survives_fork()
        ):
            return False
        self._unusable = FORKED
        return True

    @final
    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Keep runs and ``close`` out of a short block."""
        self._check_state()
        with self._lock:
            if self._unusable:
                raise RunnerStateError(self._unusable)
            yield

    def _checked_results(self, batches: Iterable[Tensors]) -> Generator[Tensors, None, None]:
        process = os.getpid()
        results = self._stream(self._checked_batches(batches))
        try:
            while True:
                self._check_state()
                if os.getpid() != process:
                    raise RunnerStateError(FORKED)
                try:
                    result = next(results)
                except StopIteration:
                    return
                yield result
        finally:
            if os.getpid() == process:
                results.close()
            else:  # it would wait for a thread that is not in this process
                forks.never_destroy(results)

    def _checked_batches(self, batches: Iterable[Tensors]) -> Iterator[Tensors]:
        for batch in batches:
            self._check_state()
            self.check(batch)
            yield batch

    def _check_state(self) -> None:
        if self._unusable:
            raise RunnerStateError(self._unusable)
        self._check_not_within()

    def _check_not_within(self) -> None:
        if self._user == get_ident() and self._lock.locked():
            raise RunnerStateError(REENTERED)

    def check(self, tensors: Tensors) -> None:
        """Refuse inputs that do not fit, in a few microseconds."""
        if len(tensors) != len(self.inputs):
            raise InputError(_mismatch(tensors, self.inputs))
        for spec in self.inputs:
            array = tensors.get(spec.name)
            if not isinstance(array, np.ndarray) or not _fits(array, spec):
                raise InputError(_mismatch(tensors, self.inputs))


def _fits(array: Array, spec: TensorSpec) -> bool:
    return array.dtype.name == spec.dtype and array.dtype.isnative and spec.accepts(array.shape)


def _mismatch(tensors: Tensors, expected: tuple[TensorSpec, ...]) -> str:
    passed = ", ".join(f"{name} {_described(value)}" for name, value in tensors.items()) or "none"
    return f"these inputs do not fit the network: got {passed}; expected {', '.join(map(str, expected))}"


def _described(value: object) -> str:
    if not isinstance(value, np.ndarray):
        return f"of type {type(value).__name__}"
    order = "" if value.dtype.isnative else " in the other byte order"
    return f"{value.dtype.name}{order} {'x'.join(map(str, value.shape))}"


def _submit(pool: ThreadPoolExecutor, runner: Runner, batch: Tensors) -> Future[Tensors]:
    try:
        return pool.submit(runner.run, batch)
    except RuntimeError:  # the main thread has ended, and a pool takes no more work: run it here
        done: Future[Tensors] = Future()
        done.set_result(runner.run(batch))
        return done
