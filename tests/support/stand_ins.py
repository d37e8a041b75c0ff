"""What stands in for a GPU: CUDA's calls, which queue and then do, and an engine that ONNX Runtime computes.

All that a runner asks of them is there, and what would go unnoticed is an error: work that is not waited for,
a copy to memory that is not pinned, a tensor that has no place, use after closing.
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
Answer: TypeAlias = tuple[Any, ...]
OK = runtime.cudaError_t.cudaSuccess
STREAM = 7
AMPERE = Gpu("a stand-in", "8.6", "13.0")


class StandInCalls:
    """CUDA's runtime, as far as a runner calls it, on a GPU whose memory is this machine's.

    Work is queued on the one stream and done when that is waited for. ``held`` is what was given and is not
    yet taken back; ``waits``, ``graphs`` and ``launches`` count.
    """

    def __init__(self, gpu: Gpu, recordable: bool) -> None:
        self._gpu = gpu
        self._recordable = recordable
        self.held: dict[int, Array | list[Work] | None] = {}
        self._device: set[int] = set()
        self.queue: list[Work] = []
        self._recording: list[Work] | None = None
        self._handles = count(100)
        self.waits = self.graphs = self.launches = 0

    def cudaGetDeviceCount(self) -> Answer:
        return OK, 1

    def cudaGetDeviceProperties(self, device: int) -> Answer:
        major, _, minor = self._gpu.capability.partition(".")
        return OK, SimpleNamespace(name=self._gpu.name.encode() + bytes(3), major=major, minor=minor)

    def cudaDriverGetVersion(self) -> Answer:
        major, _, minor = self._gpu.driver.partition(".")
        return OK, 1000 * int(major) + 10 * int(minor)

    def cudaStreamCreateWithFlags(self, flags: int) -> Answer:
        assert flags == runtime.cudaStreamNonBlocking and STREAM not in self.held
        self.held[STREAM] = None
        return OK, STREAM

    def cudaMalloc(self, size: int) -> Answer:
        _, address = self.cudaMallocHost(size)
        self._device.add(address)
        return OK, address

    def cudaMallocHost(self, size: int) -> Answer:
        memory = np.full(size, 0xAA, np.uint8)
        self.held[memory.ctypes.data] = memory
        return OK, memory.ctypes.data

    def cudaMemcpyAsync(self, to: int, origin: int, size: int, kind: Any, stream: int) -> Answer:
        assert stream == STREAM in self.held
        upload = kind == runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        device, here = (to, origin) if upload else (origin, to)
        memory = self.held[device]
        assert device in self._device and isinstance(memory, np.ndarray) and size <= len(memory)
        assert any(
            isinstance(pinned, np.ndarray)
            and address not in self._device
            and address <= here
            and here + size <= address + len(pinned)
            for address, pinned in self.held.items()
        ), "not pinned"
        self.do_later(lambda: ctypes.memmove(to, origin, size))
        return (OK,)

    def do_later(self, work: Work) -> None:
        """Do this when the stream is waited for; or record it."""
        (self.queue if self._recording is None else self._recording).append(work)

    def cudaStreamBeginCapture(self, stream: int, mode: Any) -> Answer:
        assert stream == STREAM in self.held and self._recording is None
        assert not self.queue, "work that was queued before is not waited for"
        self._recording = []
        return (OK,)

    def cudaStreamEndCapture(self, stream: int) -> Answer:
        recorded, self._recording = self._recording, None
        if not self._recordable:
            return runtime.cudaError_t.cudaErrorStreamCaptureUnsupported, None
        handle = next(self._handles)
        self.held[handle] = recorded
        return OK, handle

    def cudaGraphInstantiate(self, graph: int, flags: int) -> Answer:
        handle = next(self._handles)
        self.held[handle] = self.held[graph]
        self.graphs += 1
        return OK, handle

    def cudaGraphLaunch(self, graph: int, stream: int) -> Answer:
        recorded = self.held[graph]
        assert isinstance(recorded, list) and stream == STREAM in self.held
        self.queue += recorded
        self.launches += 1
        return (OK,)

    def cudaStreamSynchronize(self, stream: int) -> Answer:
        assert stream == STREAM in self.held
        self.waits += 1
        while self.queue:
            self.queue.pop(0)()
        return (OK,)

    def take_back(self, what: int) -> Answer:
        """Memory, a graph or the stream."""
        assert not self.queue, "taken back while work is under way"
        del self.held[what]
        return (OK,)

    cudaFree = cudaFreeHost = cudaStreamDestroy = cudaGraphDestroy = cudaGraphExecDestroy = take_back


class StandInCuda(Cuda):
    """CUDA as a runner has it, its calls those above."""

    def __init__(self, gpu: Gpu = AMPERE, recordable: bool = True) -> None:
        self.calls = StandInCalls(gpu, recordable)
        super().__init__(self.calls)
        self.closed = False

    def at(self, address: int) -> Array:
        """The memory at an address."""
        memory = self.calls.held[address]
        assert isinstance(memory, np.ndarray)
        return memory

    def close(self) -> None:
        super().close()
        assert not self.calls.held, "not all was given back"
        self.closed = True


class OnnxEngine(Engine):
    """The ONNX that an engine was built from, run by ONNX Runtime where the engine would run; its outputs are
    not in the network's order."""

    def __init__(self, cuda: StandInCuda, artifact: Artifact) -> None:
        info = build_info_of(artifact)
        assert info is not None, "only an engine of ours has its ONNX"
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        # With all of them ONNX Runtime 1.31 ends the process on Pose2Mesh in float16.
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
        return {name: made.shape for name, made in zip(names, self._session.run(names, zeros), strict=True)}

    def bind(self, name: str, address: int) -> None:
        self._addresses[name] = address

    def enqueue(self, stream: int) -> None:
        assert stream == self._cuda.stream
        shapes = dict(self._shapes)
        self._cuda.calls.do_later(lambda: self._compute(shapes))

    def _compute(self, shapes: Mapping[str, Shape]) -> None:
        tensors = {}
        for spec in self.inputs:
            size = int(np.prod(shapes[spec.name])) * np.dtype(spec.dtype).itemsize
            memory = self._cuda.at(self._addresses[spec.name])
            tensors[spec.name] = memory[:size].view(spec.dtype).reshape(shapes[spec.name]).copy()
        names = [spec.name for spec in self.outputs]
        for name, made in zip(names, self._session.run(names, tensors), strict=True):
            flat = np.ascontiguousarray(made).reshape(-1).view(np.uint8)
            self._cuda.at(self._addresses[name])[: flat.size] = flat


def on_stand_in(
    artifact: Artifact, options: RunOptions | None = None, cuda: StandInCuda | None = None
) -> TensorRtRunner:
    """A runner of an engine where the GPU stands in."""
    here = cuda or StandInCuda()

    def load(api: ModuleType, artifact: Artifact) -> Engine:
        return OnnxEngine(here, artifact)

    return TensorRtRunner(artifact, options or RunOptions("cuda", "auto"), lambda: here, load)


def _spec(argument: onnxruntime.NodeArg) -> TensorSpec:
    return TensorSpec(argument.name, tuple(argument.shape), DTYPES[argument.type])


def _fixed(spec: TensorSpec) -> Shape:
    return tuple(int(length) for length in spec.shape)
