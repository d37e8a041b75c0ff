"""Stand-ins for a GPU: CUDA calls that queue work, and an engine whose results ONNX Runtime computes.

They support all calls of a runner, and raise errors for mistakes that a GPU may not report: work that is not
waited for, a copy to memory that is not pinned, a tensor without memory, use after closing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from itertools import count
from types import ModuleType, SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
from cuda.bindings import runtime

from posedeploy.cuda import Cuda, Gpu
from posedeploy.runtimes.onnxruntime import DTYPES
from posedeploy.runtimes.tensorrt import TensorRtRunner
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.tensorrt.engine import Engine, Shape
from posedeploy.types import Array, Artifact, RunOptions, TensorSpec

Work: TypeAlias = Callable[[], object]
Result: TypeAlias = tuple[Any, ...]
OK = runtime.cudaError_t.cudaSuccess
STREAM = 7
AMPERE = Gpu("a stand-in", "8.6", "13.0")


class StandInCalls:
    """The CUDA runtime calls of a runner, with the memory of this machine.

    Work is queued on one stream and done when the stream is synchronized. resources: those that have not been
    released. waits, graphs, launches: counters.
    """

    def __init__(self, gpu: Gpu, supports_capture: bool) -> None:
        self._gpu = gpu
        self._supports_capture = supports_capture
        self.resources: dict[int, Array | list[Work] | None] = {}
        self._device: set[int] = set()
        self.queue: list[Work] = []
        self._recording: list[Work] | None = None
        self._handles = count(100)
        self.waits = self.graphs = self.launches = 0

    def cudaGetDeviceCount(self) -> Result:
        return OK, 1

    def cudaGetDeviceProperties(self, device: int) -> Result:
        major, _, minor = self._gpu.capability.partition(".")
        return OK, SimpleNamespace(name=self._gpu.name.encode() + bytes(3), major=major, minor=minor)

    def cudaDriverGetVersion(self) -> Result:
        major, _, minor = self._gpu.driver.partition(".")
        return OK, 1000 * int(major) + 10 * int(minor)

    def cudaStreamCreateWithFlags(self, flags: int) -> Result:
        assert flags == runtime.cudaStreamNonBlocking and STREAM not in self.resources
        self.resources[STREAM] = None
        return OK, STREAM

    def cudaMalloc(self, size: int) -> Result:
        _, address = self.cudaMallocHost(size)
        self._device.add(address)
        return OK, address

    def cudaMallocHost(self, size: int) -> Result:
        memory = np.full(size, 0xAA, np.uint8)
        self.resources[memory.ctypes.data] = memory
        return OK, memory.ctypes.data

    def cudaMemcpyAsync(self, to: int, origin: int, size: int, kind: Any, stream: int) -> Result:
        assert stream == STREAM in self.resources
        upload = kind == runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        device, host = (to, origin) if upload else (origin, to)
        memory = self.resources[device]
        assert device in self._device and isinstance(memory, np.ndarray) and size <= len(memory)
        assert any(
            isinstance(pinned, np.ndarray)
            and address not in self._device
            and address <= host
            and host + size <= address + len(pinned)
            for address, pinned in self.resources.items()
        ), "not pinned"
        self.enqueue_work(lambda: ctypes.memmove(to, origin, size))
        return (OK,)

    def enqueue_work(self, work: Work) -> None:
        """Do this work when the stream is synchronized, or record it."""
        (self.queue if self._recording is None else self._recording).append(work)

    def cudaStreamBeginCapture(self, stream: int, mode: Any) -> Result:
        assert stream == STREAM in self.resources and self._recording is None
        assert not self.queue, "earlier work in the queue is not waited for"
        self._recording = []
        return (OK,)

    def cudaStreamEndCapture(self, stream: int) -> Result:
        recorded, self._recording = self._recording, None
        if not self._supports_capture:
            return runtime.cudaError_t.cudaErrorStreamCaptureUnsupported, None
        handle = next(self._handles)
        self.resources[handle] = recorded
        return OK, handle

    def cudaGraphInstantiate(self, graph: int, flags: int) -> Result:
        handle = next(self._handles)
        self.resources[handle] = self.resources[graph]
        self.graphs += 1
        return OK, handle

    def cudaGraphLaunch(self, graph: int, stream: int) -> Result:
        recorded = self.resources[graph]
        assert isinstance(recorded, list) and stream == STREAM in self.resources
        self.queue += recorded
        self.launches += 1
        return (OK,)

    def cudaStreamSynchronize(self, stream: int) -> Result:
        assert stream == STREAM in self.resources
        self.waits += 1
        while self.queue:
            self.queue.pop(0)()
        return (OK,)

    def release(self, what: int) -> Result:
        """Release memory, a graph or the stream."""
        assert not self.queue, "released while work is in the queue"
        del self.resources[what]
        return (OK,)

    cudaFree = cudaFreeHost = cudaStreamDestroy = cudaGraphDestroy = cudaGraphExecDestroy = release


class StandInCuda(Cuda):
    """CUDA with the calls of ``StandInCalls``."""

    def __init__(self, gpu: Gpu = AMPERE, supports_capture: bool = True) -> None:
        self.calls = StandInCalls(gpu, supports_capture)
        super().__init__(self.calls)
        self.closed = False

    def at(self, address: int) -> Array:
        """Return the memory at an address."""
        memory = self.calls.resources[address]
        assert isinstance(memory, np.ndarray)
        return memory

    def close(self) -> None:
        super().close()
        assert not self.calls.resources, "not all resources were released"
        self.closed = True


class OnnxEngine(Engine):
    """An engine whose results ONNX Runtime computes from the engine's ONNX. Its outputs are not in the order
    of the network."""

    def __init__(self, cuda: StandInCuda, artifact: Artifact) -> None:
        info = build_info_of(artifact)
        assert info is not None, "an exported engine has its ONNX"
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        # With all optimizations, ONNX Runtime 1.31 ends the process on Pose2Mesh in float16.
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        self._session = onnxruntime.InferenceSession(
            artifact.path.with_name(info.onnx), settings, providers=["CPUExecutionProvider"]
        )
        self._cuda = cuda
        self._addresses: dict[str, int] = {}
        self._shapes: dict[str, Shape] = {}
        self.inputs = tuple(_spec(argument) for argument in self._session.get_inputs())
        self.outputs = tuple(_spec(argument) for argument in reversed(self._session.get_outputs()))
        self.ranges = {
            spec.name: (info.profile[spec.name].min, info.profile[spec.name].max)
            if spec.is_dynamic
            else (_fixed(spec), _fixed(spec))
            for spec in self.inputs
        }

    def reshape(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        self._shapes = dict(shapes)
        zeros = {spec.name: np.zeros(shapes[spec.name], spec.dtype) for spec in self.inputs}
        names = [spec.name for spec in self.outputs]
        outputs = self._session.run(names, zeros)
        return {name: output.shape for name, output in zip(names, outputs, strict=True)}

    def bind(self, name: str, address: int) -> None:
        self._addresses[name] = address

    def enqueue(self, stream: int) -> None:
        assert stream == self._cuda.stream
        shapes = dict(self._shapes)
        self._cuda.calls.enqueue_work(lambda: self._compute(shapes))

    def _compute(self, shapes: Mapping[str, Shape]) -> None:
        tensors = {}
        for spec in self.inputs:
            size = int(np.prod(shapes[spec.name])) * np.dtype(spec.dtype).itemsize
            memory = self._cuda.at(self._addresses[spec.name])
            tensors[spec.name] = memory[:size].view(spec.dtype).reshape(shapes[spec.name]).copy()
        names = [spec.name for spec in self.outputs]
        for name, output in zip(names, self._session.run(names, tensors), strict=True):
            flat = np.ascontiguousarray(output).reshape(-1).view(np.uint8)
            self._cuda.at(self._addresses[name])[: flat.size] = flat


def load_on_stand_in(
    artifact: Artifact, options: RunOptions | None = None, cuda: StandInCuda | None = None
) -> TensorRtRunner:
    """Load an engine on a stand-in for the GPU."""
    stand_in = cuda or StandInCuda()

    def load(api: ModuleType, artifact: Artifact) -> Engine:
        return OnnxEngine(stand_in, artifact)

    return TensorRtRunner(artifact, options or RunOptions("cuda", "auto"), lambda: stand_in, load)


def _spec(argument: onnxruntime.NodeArg) -> TensorSpec:
    return TensorSpec(argument.name, tuple(argument.shape), DTYPES[argument.type])


def _fixed(spec: TensorSpec) -> Shape:
    return tuple(int(length) for length in spec.shape)
