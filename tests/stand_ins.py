"""What stands in for a GPU: a CUDA that queues and then does, and an engine that ONNX Runtime computes.

All that a runner asks of them is there, and what would go unnoticed is an error: work that is not waited for,
a copy to memory that is not pinned, a tensor that has no place, use after closing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType

import numpy as np
import onnxruntime

from posedeploy.cuda import Cuda, Gpu
from posedeploy.engines import passport_of
from posedeploy.errors import DeviceError
from posedeploy.runtimes.engine import Engine, Shape
from posedeploy.runtimes.onnxruntime import DTYPES
from posedeploy.runtimes.tensorrt import TensorRtRunner
from posedeploy.types import Array, Artifact, RunOptions, TensorSpec

AMPERE = Gpu("a stand-in", "8.6", "13.0")


class StandInCuda(Cuda):
    """A GPU whose memory is this machine's. It counts what was waited for, recorded and launched."""

    def __init__(self, gpu: Gpu = AMPERE, recordable: bool = True) -> None:
        self._gpu = gpu
        self._recordable = recordable
        self._device: dict[int, Array] = {}
        self._pinned: list[Array] = []
        self._queue: list[Callable[[], None]] = []
        self.waits = self.graphs = self.launches = 0
        self.closed = False

    def gpu(self) -> Gpu:
        return self._gpu

    @property
    def stream(self) -> int:
        return 7

    def device_memory(self, size: int) -> int:
        memory = np.full(size, 0xAA, np.uint8)
        self._device[memory.ctypes.data] = memory
        return int(memory.ctypes.data)

    def host_memory(self, size: int) -> Array:
        self._pinned.append(np.full(size, 0xAA, np.uint8))
        return self._pinned[-1]

    def at(self, address: int) -> Array:
        """The memory at an address."""
        return self._device[address]

    def upload(self, address: int, array: Array) -> None:
        self._check(array, address)
        self.queue(lambda: self._copy(self._device[address], array))

    def download(self, array: Array, address: int) -> None:
        self._check(array, address)
        self.queue(
            lambda: self._copy(array.reshape(-1).view(np.uint8), self._device[address][: array.nbytes])
        )

    def queue(self, work: Callable[[], None]) -> None:
        """Do this when the stream is waited for."""
        assert not self.closed, "queued after closing"
        self._queue.append(work)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        if not self._recordable:
            raise DeviceError("device cuda: CUDA cannot record here (cudaErrorStreamCaptureUnsupported)")
        assert not self._queue, "work that was queued before would be recorded too"
        work()
        recorded, self._queue = self._queue, []
        self.graphs += 1

        def launch() -> None:
            self.launches += 1
            for each in recorded:
                self.queue(each)

        return launch

    def synchronize(self) -> None:
        self.waits += 1
        while self._queue:
            self._queue.pop(0)()

    def close(self) -> None:
        assert not self._queue, "closed while work is under way"
        self.closed = True
        self._device.clear()
        self._pinned.clear()

    def _check(self, array: Array, address: int) -> None:
        assert array.flags.c_contiguous and address in self._device
        assert any(np.shares_memory(array, pinned) for pinned in self._pinned), "not pinned"

    @staticmethod
    def _copy(to: Array, origin: Array) -> None:
        flat = origin.reshape(-1).view(np.uint8)
        to[: flat.size] = flat


class OnnxEngine(Engine):
    """The ONNX that an engine was built from, run by ONNX Runtime where the engine would run; its outputs are
    not in the network's order."""

    def __init__(self, cuda: StandInCuda, artifact: Artifact) -> None:
        passport = passport_of(artifact)
        assert passport is not None, "only an engine of ours has its ONNX"
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        # With all of them ONNX Runtime 1.31 ends the process on Pose2Mesh in float16.
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        self._session = onnxruntime.InferenceSession(
            artifact.path.with_name(passport.onnx), settings, providers=["CPUExecutionProvider"]
        )
        self._cuda = cuda
        self._addresses: dict[str, int] = {}
        self._shapes: dict[str, Shape] = {}
        self.inputs = tuple(_spec(argument) for argument in self._session.get_inputs())
        self.outputs = tuple(_spec(argument) for argument in reversed(self._session.get_outputs()))
        self.ranges = {
            spec.name: (passport.profile[spec.name].smallest, passport.profile[spec.name].largest)
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
        self._cuda.queue(lambda: self._compute(shapes))

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
