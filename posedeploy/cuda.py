"""The few things that a runner asks of CUDA, and what they are on a GPU."""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from cuda.bindings import runtime

from posedeploy.closing import Closable
from posedeploy.errors import DeviceError
from posedeploy.types import Array


@dataclass(frozen=True)
class Gpu:
    """A GPU: its name, its compute capability such as ``8.6``, and the CUDA version its driver goes up to."""

    name: str
    capability: str
    driver: str


class Cuda(Closable, ABC):
    """One GPU, one stream on it and the memory taken on both sides, all of which ``close`` gives back.

    Copies and work are queued on the stream, in order, and done when ``synchronize`` returns.
    """

    @abstractmethod
    def gpu(self) -> Gpu:
        """Which GPU this is.

        Raises:
            DeviceError: there is none, or its driver does not do.
        """

    @property
    @abstractmethod
    def stream(self) -> int:
        """The stream's handle."""

    @abstractmethod
    def device_memory(self, size: int) -> int:
        """The address of so many bytes on the GPU."""

    @abstractmethod
    def host_memory(self, size: int) -> Array:
        """So many bytes here, uint8, pinned: a copy to or from the GPU needs no further one."""

    @abstractmethod
    def upload(self, address: int, array: Array) -> None:
        """Queue a copy of a contiguous array to the GPU."""

    @abstractmethod
    def download(self, array: Array, address: int) -> None:
        """Queue a copy from the GPU into a contiguous array."""

    @abstractmethod
    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """What ``work`` queues, recorded as a graph and not done; the function queues the whole at once.

        Raises:
            DeviceError: something that it does cannot be recorded.
        """

    @abstractmethod
    def synchronize(self) -> None:
        """Return when all that was queued is done."""


class CudaRuntime(Cuda):
    """CUDA itself, on the first GPU that the process sees."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._given: list[tuple[Callable[..., Any], Any]] = []

    def gpu(self) -> Gpu:
        status, count = runtime.cudaGetDeviceCount()
        if status != runtime.cudaError_t.cudaSuccess or not count:
            raise DeviceError(
                f"device cuda: CUDA finds no GPU here ({status.name}); this needs one of NVIDIA's, and its "
                "driver"
            )
        properties = _done("read the GPU's properties", runtime.cudaGetDeviceProperties(0))
        driver = _done("read the driver's version", runtime.cudaDriverGetVersion())
        name = properties.name
        return Gpu(
            name.decode().rstrip("\0") if isinstance(name, bytes) else str(name),
            f"{properties.major}.{properties.minor}",
            f"{driver // 1000}.{driver % 1000 // 10}",
        )

    @property
    def stream(self) -> int:
        if self._stream is None:
            # Not the default stream, which waits for others and cannot be recorded.
            self._stream = _done(
                "make a stream", runtime.cudaStreamCreateWithFlags(runtime.cudaStreamNonBlocking)
            )
            self._given.append((runtime.cudaStreamDestroy, self._stream))
        return int(self._stream)

    def device_memory(self, size: int) -> int:
        address = _done(f"take {size} bytes on the GPU", runtime.cudaMalloc(size))
        self._given.append((runtime.cudaFree, address))
        return int(address)

    def host_memory(self, size: int) -> Array:
        address = _done(f"pin {size} bytes", runtime.cudaMallocHost(size))
        self._given.append((runtime.cudaFreeHost, address))
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(int(address)))

    def upload(self, address: int, array: Array) -> None:
        kind = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._copy(address, array.ctypes.data, array.nbytes, kind)

    def download(self, array: Array, address: int) -> None:
        kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._copy(array.ctypes.data, address, array.nbytes, kind)

    def _copy(self, to: int, origin: int, size: int, kind: Any) -> None:
        _done("copy", runtime.cudaMemcpyAsync(to, origin, size, kind, self.stream))

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        _done("begin to record", runtime.cudaStreamBeginCapture(self.stream, mode))
        try:
            work()
        finally:
            ended = runtime.cudaStreamEndCapture(self.stream)
        graph = _done("record", ended)
        self._given.append((runtime.cudaGraphDestroy, graph))
        recorded = _done("make a graph", runtime.cudaGraphInstantiate(graph, 0))
        self._given.append((runtime.cudaGraphExecDestroy, recorded))
        return lambda: _done("launch the graph", runtime.cudaGraphLaunch(recorded, self.stream))

    def synchronize(self) -> None:
        _done("run", runtime.cudaStreamSynchronize(self.stream))

    def close(self) -> None:
        while self._given:
            free, held = self._given.pop()
            free(held)
        self._stream = None


def _done(what: str, answer: tuple[Any, ...]) -> Any:
    """What a call of CUDA gives beside its status.

    Raises:
        DeviceError: the status is not success; its name is in the message.
    """
    status, *values = answer
    if status != runtime.cudaError_t.cudaSuccess:
        raise DeviceError(f"device cuda: CUDA cannot {what} here ({status.name})")
    return values[0] if values else None


def gpu() -> Gpu:
    """The GPU of this machine.

    Raises:
        DeviceError: there is none.
    """
    with CudaRuntime() as here:
        return here.gpu()
