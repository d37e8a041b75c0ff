"""The CUDA calls of runners: memory, copies, a stream and graphs."""

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

BUS_ID_LENGTH = 32


@dataclass(frozen=True)
class Gpu:
    """A GPU: its name, its compute capability such as ``8.6``, and the newest CUDA version of its driver."""

    name: str
    capability: str
    driver: str


class Cuda(Closable):
    """The first visible GPU with one stream, and the allocated GPU and host memory; ``close`` frees them all.

    Copies and work are queued on the stream, in order, and completed when ``synchronize`` returns. Every
    failure of a CUDA call is a DeviceError.
    """

    def __init__(self, calls: Any = runtime) -> None:
        """
        Args:
            calls: CUDA's runtime, with the function names of cuda-python.
        """
        self._calls = calls
        self._stream: Any = None
        self._resources: list[tuple[Callable[..., Any], Any]] = []

    def gpu(self) -> Gpu:
        """Return the GPU.

        Raises:
            DeviceError: there is none, or its driver is missing or too old.
        """
        status, count = self._calls.cudaGetDeviceCount()
        if status != runtime.cudaError_t.cudaSuccess or not count:
            raise DeviceError(
                f"`device=cuda`: CUDA finds no GPU on this machine ({status.name}); use a machine with an "
                "NVIDIA GPU and its driver"
            )
        properties = _result("read the GPU's properties", self._calls.cudaGetDeviceProperties(0))
        driver = _result("read the driver's version", self._calls.cudaDriverGetVersion())
        name = properties.name
        return Gpu(
            name.decode().rstrip("\0") if isinstance(name, bytes) else str(name),
            f"{properties.major}.{properties.minor}",
            f"{driver // 1000}.{driver % 1000 // 10}",
        )

    def bus_id(self) -> bytes:
        """Return the PCI bus ID of the GPU.

        Raises:
            DeviceError: the GPU or its bus ID is not available.
        """
        answer = self._calls.cudaDeviceGetPCIBusId(BUS_ID_LENGTH, 0)
        return bytes(_result("read the GPU's bus ID", answer)).split(b"\0")[0]

    @property
    def stream(self) -> int:
        """The stream's handle."""
        if self._stream is None:
            # The default stream waits for other streams and cannot be captured.
            created = self._calls.cudaStreamCreateWithFlags(runtime.cudaStreamNonBlocking)
            self._stream = _result("create a stream", created)
            self._resources.append((self._calls.cudaStreamDestroy, self._stream))
        return int(self._stream)

    def allocate_on_device(self, size: int) -> int:
        """Allocate bytes on the GPU; return their address."""
        address = _result(f"allocate {size} bytes on the GPU", self._calls.cudaMalloc(size))
        self._resources.append((self._calls.cudaFree, address))
        return int(address)

    def allocate_pinned(self, size: int) -> Array:
        """Allocate bytes (uint8) of pinned host memory, which the GPU copies from and to directly."""
        address = _result(f"pin {size} bytes", self._calls.cudaMallocHost(size))
        self._resources.append((self._calls.cudaFreeHost, address))
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
        _result("copy", self._calls.cudaMemcpyAsync(to, origin, size, kind, self.stream))

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Capture the calls that ``work`` queues as a graph, without running them.

        Returns:
            A function that queues the graph.

        Raises:
            DeviceError: a call cannot be captured.
        """
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        _result("begin to capture", self._calls.cudaStreamBeginCapture(self.stream, mode))
        try:
            work()
        finally:
            ended = self._calls.cudaStreamEndCapture(self.stream)
        graph = _result("capture", ended)
        self._resources.append((self._calls.cudaGraphDestroy, graph))
        executable = _result("instantiate a graph", self._calls.cudaGraphInstantiate(graph, 0))
        self._resources.append((self._calls.cudaGraphExecDestroy, executable))
        return lambda: _result("launch the graph", self._calls.cudaGraphLaunch(executable, self.stream))

    def synchronize(self) -> None:
        """Wait until everything queued has completed."""
        _result("run", self._calls.cudaStreamSynchronize(self.stream))

    def close(self) -> None:
        while self._resources:
            free, resource = self._resources.pop()
            free(resource)
        self._stream = None


def _result(what: str, returned: tuple[Any, ...]) -> Any:
    """Return the value of a CUDA call, which returns its status too.

    Raises:
        DeviceError: the call failed; the message has the name of its status.
    """
    status, *values = returned
    if status != runtime.cudaError_t.cudaSuccess:
        raise DeviceError(f"`device=cuda`: CUDA cannot {what} on this machine ({status.name})")
    return values[0] if values else None


def gpu() -> Gpu:
    """Return the GPU of this machine.

    Raises:
        DeviceError: there is none.
    """
    with Cuda() as cuda:
        return cuda.gpu()
