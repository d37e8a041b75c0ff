"""The interface of all runtimes: host arrays in, host arrays out, one run at a time."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping
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
REENTERED = "this runner was called from within its own network; a network cannot run or close its own runner"
FORKED = (
    "this runner was opened before this process was forked, so its threads or its GPU belong to the parent; "
    "open it in the child, or start processes with the multiprocessing method 'spawn'"
)


class Runner(Closable, ABC):
    """A loaded network. Use it as a context manager, or call ``close``.

    Threads may share a runner: runs, and starts of requests by streams, take turns. ``close`` waits for
    the active ones. A closed runner raises RunnerStateError for everything except its attributes.

    A subclass implements ``_run``, and ``_close`` if it holds a resource. Only one thread at a time calls
    them. ``_run`` gets checked inputs, and is never called after ``_close``. A ``_stream`` that starts its
    own requests holds ``_lock`` while it starts one, and starts none once ``_unusable`` is set.

    inputs, outputs: the tensors of the runtime. runtime_info: what the runtime reports that it uses.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    runtime_info: RuntimeInfo

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Initialize the state, so that no subclass has to call ``super().__init__``."""
        runner = super().__new__(cls)
        runner._lock = Lock()
        runner._user = 0  # the thread that runs or closes it
        runner._unusable = ""  # the message, once the runner is closed or belongs to the parent process
        forks.watch(runner)
        return runner

    _lock: Lock
    _user: int
    _unusable: str

    @property
    def ranges(self) -> Ranges:
        """The min and max shape of each input, if its dynamic axes are limited; else empty."""
        return {}

    @final
    def run(self, tensors: Tensors) -> Tensors:
        """Run once and wait for the device. The caller owns the returned arrays.

        Raises:
            InputError: a tensor is missing, unknown, or of another shape or dtype than in ``inputs``.
            RunnerStateError: the runner is closed, was opened in the parent process, or is called from within
                its own network.
        """
        self._check_state()
        self.check(tensors)
        with self._lock:  # Ctrl-C inside a context manager written in Python could leave the lock held
            if self._unusable:  # closed while this call waited
                raise RunnerStateError(self._unusable)
            self._user = get_ident()
            try:
                return self._run(tensors)
            finally:
                self._user = 0

    @final
    def stream(self, batches: Iterable[Tensors]) -> Generator[Tensors, None, None]:
        """Yield results in order, while the next input already runs.

        Do not change an input array before its result is yielded, since it may be read ahead. After the
        stream is abandoned, only the active run continues.

        Raises:
            InputError, RunnerStateError: as of ``run``, for each result.
        """
        self._check_state()
        return self._checked_results(batches)

    @final
    def close(self) -> None:
        """Wait for the active run and release the resources. Closing twice does nothing.

        In a forked process, the resources remain the parent's.

        Raises:
            RunnerStateError: the network itself tries to close its runner.
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
        raise RunnerStateError(
            "a runner cannot be copied or sent to another process; open one in that process"
        )

    @abstractmethod
    def _run(self, tensors: Tensors) -> Tensors:
        """Run once on checked inputs and wait for the device. The caller owns the results."""

    def _stream(self, batches: Iterator[Tensors]) -> Generator[Tensors, None, None]:
        """Yield results in order for checked inputs. A runtime with requests in flight overrides this."""
        pool = ThreadPoolExecutor(1)
        try:
            pending = None
            for batch in batches:
                submitted = _submit(pool, self, batch)
                if pending is not None:
                    yield pending.result()
                pending = submitted
            if pending is not None:
                yield pending.result()
        finally:
            # Do not wait: the garbage collector may abandon the stream within a run.
            pool.shutdown(wait=False, cancel_futures=True)

    def _close(self) -> None:
        """Release the resources; called once."""

    def _survives_fork(self) -> bool:
        """Return whether a forked process can use the runner."""
        return False

    @final
    def _leave_to_parent(self) -> bool:
        """Make the runner unusable in a forked process unless it survives; return whether it became
        unusable."""
        if self._unusable or (
            not self._lock.locked() and hasattr(self, "runtime_info") and self._survives_fork()
        ):
            return False
        self._unusable = FORKED
        return True

    @final
    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Exclude runs and ``close`` during the block."""
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
            else:  # closing would wait for a thread of the parent
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
        """Check the names, dtypes and shapes of inputs, in a few microseconds."""
        if not isinstance(tensors, Mapping) or len(tensors) != len(self.inputs):
            raise InputError(_mismatch(tensors, self.inputs))
        for spec in self.inputs:
            array = tensors.get(spec.name)
            if not isinstance(array, np.ndarray) or not _fits(array, spec):
                raise InputError(_mismatch(tensors, self.inputs))


def _fits(array: Array, spec: TensorSpec) -> bool:
    return array.dtype.name == spec.dtype and array.dtype.isnative and spec.accepts(array.shape)


def _mismatch(tensors: object, expected: tuple[TensorSpec, ...]) -> str:
    actual = f"a value {_describe(tensors)}"
    if isinstance(tensors, Mapping):
        actual = ", ".join(f"{name} {_describe(value)}" for name, value in tensors.items()) or "none"
    return f"the inputs do not fit the network: found {actual}; expected {', '.join(map(str, expected))}"


def _describe(value: object) -> str:
    if not isinstance(value, np.ndarray):
        return f"of type {type(value).__name__}"
    order = "" if value.dtype.isnative else " in the other byte order"
    return f"{value.dtype.name}{order} {'x'.join(map(str, value.shape))}"


def _submit(pool: ThreadPoolExecutor, runner: Runner, batch: Tensors) -> Future[Tensors]:
    try:
        return pool.submit(runner.run, batch)
    except RuntimeError:  # the main thread has ended, and pools accept no more work
        result: Future[Tensors] = Future()
        result.set_result(runner.run(batch))
        return result
