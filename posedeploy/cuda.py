"""The few things that a runner asks of CUDA, and what they are on a GPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from cuda.bindings import runtime

from posedeploy.closable import Closable
from posedeploy.errors import DeviceError
from posedeploy.types import Array


@dataclass(frozen=True)
class Gpu:
    """A GPU: its name, its compute capability such as ``8.6``, and the CUDA version its driver goes up to."""

    name: str
    capability: str
    driver: str


class Cuda(Closable):
    """The first GPU that the process sees, one stream on it and the memory taken on both sides, all of which
    ``close`` gives back.

    Copies and work are queued on the stream, in order, and done when ``synchronize`` returns. All that CUDA
    refuses is a DeviceError.
    """

    def __init__(self, calls: Any = runtime) -> None:
        """
        Args:
            calls: CUDA's runtime, by the names that cuda-python gives its functions.
        """
        self._calls = calls
        self._stream: Any = None
        self._given: list[tuple[Callable[..., Any], Any]] = []

    def gpu(self) -> Gpu:
        """Which GPU this is.

        Raises:
            DeviceError: there is none, or its driver does not do.
        """
        status, count = self._calls.cudaGetDeviceCount()
        if status != runtime.cudaError_t.cudaSuccess or not count:
            raise DeviceError(
                f"`device=cuda`: CUDA finds no GPU here ({status.name}); this needs one of NVIDIA's, and its "
                "driver"
            )
        properties = _done("read the GPU's properties", self._calls.cudaGetDeviceProperties(0))
        driver = _done("read the driver's version", self._calls.cudaDriverGetVersion())
        name = properties.name
        return Gpu(
            name.decode().rstrip("\0") if isinstance(name, bytes) else str(name),
            f"{properties.major}.{properties.minor}",
            f"{driver // 1000}.{driver % 1000 // 10}",
        )

    @property
    def stream(self) -> int:
        """The stream's handle."""
        if self._stream is None:
            # Not the default stream, which waits for others and cannot be recorded.
            made = self._calls.cudaStreamCreateWithFlags(runtime.cudaStreamNonBlocking)
            self._stream = _done("make a stream", made)
            self._given.append((self._calls.cudaStreamDestroy, self._stream))
        return int(self._stream)

    def device_memory(self, size: int) -> int:
        """The address of so many bytes on the GPU."""
        address = _done(f"take {size} bytes on the GPU", self._calls.cudaMalloc(size))
        self._given.append((self._calls.cudaFree, address))
        return int(address)

    def host_memory(self, size: int) -> Array:
        """So many bytes here, uint8, pinned: a copy to or from the GPU needs no further one."""
        address = _done(f"pin {size} bytes", self._calls.cudaMallocHost(size))
        self._given.append((self._calls.cudaFreeHost, address))
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(int(address)))

    def upload(self, address: int, array: Array) -> None:
        """Queue a copy of a contiguous array to the GPU."""
        kind = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._copy(address, array.ctypes.data, array.nbytes, kind)

    def download(self, array: Array, address: int) -> None:
        """Queue a copy from the GPU into a contiguous array."""
        kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._copy(array.ctypes.data, address, array.nbytes, kind)

    def _copy(self, to: int, origin: int, size: int, kind: Any) -> None:
        _done("copy", self._calls.cudaMemcpyAsync(to, origin, size, kind, self.stream))

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """What ``work`` queues, recorded as a graph and not done; the function queues the whole at once.

        Raises:
            DeviceError: something that it does cannot be recorded.
        """
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        _done("begin to record", self._calls.cudaStreamBeginCapture(self.stream, mode))
        try:
            work()
        finally:
            ended = self._calls.cudaStreamEndCapture(self.stream)
        graph = _done("record", ended)
        self._given.append((self._calls.cudaGraphDestroy, graph))
        recorded = _done("make a graph", self._calls.cudaGraphInstantiate(graph, 0))
        self._given.append((self._calls.cudaGraphExecDestroy, recorded))
        return lambda: _done("launch the graph", self._calls.cudaGraphLaunch(recorded, self.stream))

    def synchronize(self) -> None:
        """Return when all that was queued is done."""
        _done("run", self._calls.cudaStreamSynchronize(self.stream))

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
        raise DeviceError(f"`device=cuda`: CUDA cannot {what} here ({status.name})")
    return values[0] if values else None


def gpu() -> Gpu:
    """The GPU of this machine.

    Raises:
        DeviceError: there is none.
    """
    with Cuda() as here:
        return here.gpu()
