"""TensorRT, with the library that built the engine. Needs neither torch nor the checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias

import numpy as np

from posedeploy.cuda import Cuda
from posedeploy.errors import ArtifactError, DeviceError, InputError
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.run_options import threads_asked
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.tensorrt.compatibility import check_gpu, check_library
from posedeploy.tensorrt.engine import Engine, Shape, TensorRtEngine
from posedeploy.tensorrt.libraries import identify_library
from posedeploy.types import Array, Artifact, Ranges, RunOptions, RuntimeInfo, Tensors, TensorSpec

Loader: TypeAlias = Callable[[ModuleType, Artifact], Engine]


@dataclass(frozen=True)
class _Memory:
    """A tensor's memory, enough for its largest shape: the address on the GPU, and what is pinned here."""

    address: int
    here: Array

    def holding(self, spec: TensorSpec, shape: Shape) -> Array:
        """What is here, as a tensor of this shape."""
        dtype = np.dtype(spec.dtype)
        return self.here[: int(np.prod(shape)) * dtype.itemsize].view(dtype).reshape(shape)


class TensorRtRunner(Runner):
    """Runs a ``.engine`` file on the GPU, in memory of its own: an input is copied to pinned memory, on to
    the GPU, and outputs back, all on one stream that is waited for once.

    Where every shape is fixed, all of that is one CUDA graph. ``cuda`` and ``load`` are what it runs on.
    """

    def __init__(
        self,
        artifact: Artifact,
        options: RunOptions,
        cuda: Callable[[], Cuda] = Cuda,
        load: Loader = TensorRtEngine,
    ) -> None:
        _check_options(artifact, options)
        if not artifact.path.is_file():
            raise ArtifactError(f"{artifact.path}: no such file")
        info = build_info_of(artifact)
        library, api = identify_library(artifact.path) if info is None else check_library(artifact, info)
        with ExitStack() as on_error:
            self._cuda = on_error.enter_context(cuda())
            gpu = self._cuda.gpu()
            if info is not None:
                check_gpu(artifact, info, (library, api), gpu.name, gpu.capability)
            self._engine: Engine | None = load(api, artifact)
            self.inputs = _ordered(self._engine.inputs, artifact.spec.inputs)
            self.outputs = _ordered(self._engine.outputs, artifact.spec.outputs)
            self._ranges = self._engine.ranges
            self._memory: dict[str, _Memory] = {}
            self._shapes: dict[str, Shape] = {}
            self._held: dict[str, Array] = {}
            self._take(self._engine)
            graph, self._go = self._way()
            on_error.pop_all()
        self.runtime_info = RuntimeInfo(
            "tensorrt",
            api.__version__,
            gpu.name,
            "as in the file" if artifact.precision == "unknown" else artifact.precision,
            None,
            {
                "library": library.name,
                "compute capability": gpu.capability,
                "driver": gpu.driver,
                "CUDA graph": graph,
                "hint": options.hint,
            },
        )

    @property
    def ranges(self) -> Ranges:
        return self._ranges

    def _run(self, tensors: Tensors) -> Tensors:
        self._reshape({name: array.shape for name, array in tensors.items()})
        for spec in self.inputs:
            np.copyto(self._held[spec.name], tensors[spec.name])
        self._go()
        self._cuda.synchronize()
        return {spec.name: self._held[spec.name].copy() for spec in self.outputs}

    def _close(self) -> None:
        self._engine = None
        self._memory, self._held = {}, {}
        self._cuda.close()

    def _take(self, engine: Engine) -> None:
        """Take memory for the largest shapes, once, and say where it is."""
        largest = {name: most for name, (_, most) in self._ranges.items()}
        every = largest | engine.reshape(largest)
        for spec in (*self.inputs, *self.outputs):
            size = max(1, int(np.prod(every[spec.name])) * np.dtype(spec.dtype).itemsize)
            memory = _Memory(self._cuda.device_memory(size), self._cuda.host_memory(size))
            memory.here[:] = 0
            engine.bind(spec.name, memory.address)
            self._memory[spec.name] = memory
        self._hold(largest, every)

    def _reshape(self, shapes: dict[str, Shape]) -> None:
        if shapes == self._shapes:
            return
        assert self._engine is not None, "a closed runner runs no more"
        for name, shape in shapes.items():
            lowest, highest = self._ranges[name]
            if any(not a <= b <= c for a, b, c in zip(lowest, shape, highest, strict=True)):
                low, given, high = ("x".join(map(str, lengths)) for lengths in (lowest, shape, highest))
                raise InputError(
                    f"the input {name} is {given}, and the engine was built for {low} to {high}; export it "
                    "with other `min_shapes` and `max_shapes`"
                )
        self._shapes = {}  # whatever becomes of this, it is no longer what it was
        self._hold(shapes, shapes | self._engine.reshape(shapes))

    def _hold(self, shapes: dict[str, Shape], every: dict[str, Shape]) -> None:
        self._held = {
            spec.name: self._memory[spec.name].holding(spec, every[spec.name])
            for spec in (*self.inputs, *self.outputs)
        }
        self._shapes = shapes

    def _way(self) -> tuple[str, Callable[[], None]]:
        """Whether a run is a CUDA graph, and what queues it."""
        if any(spec.is_dynamic for spec in self.inputs):
            return "no", self._queue
        self._queue()  # TensorRT does what is done once in a first run, which is no part of a graph
        self._cuda.synchronize()
        try:
            return "yes", self._cuda.record(self._queue)
        except DeviceError as error:
            return f"no: {error}", self._queue

    def _queue(self) -> None:
        assert self._engine is not None, "a closed runner runs no more"
        for spec in self.inputs:
            self._cuda.upload(self._memory[spec.name].address, self._held[spec.name])
        self._engine.enqueue(self._cuda.stream)
        for spec in self.outputs:
            self._cuda.download(self._held[spec.name], self._memory[spec.name].address)


def _check_options(artifact: Artifact, options: RunOptions) -> None:
    if options.device != "cuda":
        raise DeviceError(
            f"`device={options.device}`: {artifact.path.name} is a TensorRT engine, which runs on cuda only; "
            "use `device=cuda`"
        )
    threads_asked(options, "TensorRT")
    built = artifact.precision
    known = built if built != "unknown" else "fp32"
    if options.precision not in ("auto", known):
        raise DeviceError(
            f"`precision={options.precision}`: {artifact.path.name} computes in {known}, as it was built; "
            f"pass `precision={known}` or auto, or export it otherwise"
        )


def _ordered(found: tuple[TensorSpec, ...], wanted: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """The engine's tensors in the manifest's order, which is not the engine's own; else as they are."""
    by_name = {spec.name: spec for spec in found}
    names = [spec.name for spec in wanted]
    return tuple(by_name[name] for name in names) if by_name.keys() == set(names) else found
