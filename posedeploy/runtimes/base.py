"""What every runtime offers: one required method, host arrays in, host arrays out."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import psutil

from posedeploy.errors import DeviceError, InputError
from posedeploy.types import Effective, RunOptions, Tensors, TensorSpec


class Runner(ABC):
    """A network that is loaded and ready to run. Use it as a context manager, or call ``close``.

    inputs, outputs: the tensors as the runtime has them. effective: what is really in use, as read back.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    effective: Effective

    @abstractmethod
    def run(self, tensors: Tensors) -> Tensors:
        """Run once; returns when the device is done. The arrays returned are the caller's to keep.

        Raises:
            InputError: a tensor is missing, unknown, or of another shape or dtype than ``inputs`` says.
        """

    def stream(self, batches: Iterable[Tensors]) -> Iterator[Tensors]:
        """Results in order, the next input being run while the caller works on the last result.

        An array given in is left as it is until its own result is out.
        """
        with ThreadPoolExecutor(1) as pool:
            ahead = None
            for batch in batches:
                following = pool.submit(self.run, batch)
                if ahead is not None:
                    yield ahead.result()
                ahead = following
            if ahead is not None:
                yield ahead.result()

    def close(self) -> None:  # noqa: B027 - optional: a runtime may hold nothing
        """Give back what the runtime holds. Closing twice does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check(self, tensors: Tensors) -> None:
        """Refuse inputs that do not fit, in a few microseconds."""
        if len(tensors) != len(self.inputs):
            raise InputError(_mismatch(tensors, self.inputs))
        for spec in self.inputs:
            array = tensors.get(spec.name)
            if array is None or array.dtype.name != spec.dtype or not spec.accepts(array.shape):
                raise InputError(_mismatch(tensors, self.inputs))


def _mismatch(tensors: Tensors, wanted: tuple[TensorSpec, ...]) -> str:
    got = ", ".join(f"{name} {a.dtype.name} {'x'.join(map(str, a.shape))}" for name, a in tensors.items())
    return f"these inputs do not fit the network: got {got or 'none'}; wanted {', '.join(map(str, wanted))}"


def physical_cores() -> int:
    """The number of physical cores that this process may use, at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def threads_asked(options: RunOptions) -> int:
    """The thread count that the options ask for.

    Raises:
        DeviceError: it is less than 1.
    """
    threads = physical_cores() if options.threads is None else options.threads
    if threads < 1:
        raise DeviceError(f"--threads {threads}: a thread count is at least 1")
    return threads
