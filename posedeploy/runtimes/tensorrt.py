"""Run TensorRT engines with the library that built them, without torch or the checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias

import numpy as np

from posedeploy.cuda import Cuda
from posedeploy.errors import ArtifactError, DeviceError, InputError
from posedeploy.layer_counts import details_of, recorded_layers, summary
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.run_options import resolve_threads
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.tensorrt.compatibility import check_gpu, check_library
from posedeploy.tensorrt.engine import Engine, Shape, TensorRtEngine
from posedeploy.tensorrt.libraries import identify_library
from posedeploy.types import CUDA_GRAPH, Array, Artifact, Ranges, RunOptions, RuntimeInfo, Tensors, TensorSpec

Loader: TypeAlias = Callable[[ModuleType, Artifact], Engine]


@dataclass(frozen=True)
class _Memory:
    """The memory of a tensor at its max shape: the address on the GPU, and pinned host memory."""

    address: int
    host: Array

    def view_as(self, spec: TensorSpec, shape: Shape) -> Array:
        """Return the host memory as a tensor of this shape."""
        dtype = np.dtype(spec.dtype)
        return self.host[: int(np.prod(shape)) * dtype.itemsize].view(dtype).reshape(shape)


class TensorRtRunner(Runner):
    """A runner of a ``.engine`` file on the GPU.

    Inputs are copied through pinned memory to the GPU, and outputs back, all on one stream. If every shape is
    fixed, the whole run is one CUDA graph. ``cuda`` and ``load`` can be replaced in tests.
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
        layers = recorded_layers(artifact)
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
            self._tensors: dict[str, Array] = {}
            self._allocate(self._engine)
            graph, self._launch = self._prepare_launch()
            on_error.pop_all()
        self.runtime_info = RuntimeInfo(
            "tensorrt",
            api.__version__,
            gpu.name,
            summary(layers) or ("as in the file" if artifact.precision == "unknown" else artifact.precision),
            None,
            {
                "library": library.name,
                "compute capability": gpu.capability,
                "driver": gpu.driver,
                CUDA_GRAPH: graph,
                "hint": options.hint,
                **details_of(layers),
            },
        )

    @property
    def ranges(self) -> Ranges:
        return self._ranges

    def _run(self, tensors: Tensors) -> Tensors:
        self._reshape({name: array.shape for name, array in tensors.items()})
        for spec in self.inputs:
            np.copyto(self._tensors[spec.name], tensors[spec.name])
        self._launch()
        self._cuda.synchronize()
        return {spec.name: self._tensors[spec.name].copy() for spec in self.outputs}

    def _close(self) -> None:
        self._engine = None
        self._memory, self._tensors = {}, {}
        self._cuda.close()

    def _allocate(self, engine: Engine) -> None:
        """Allocate memory for the max shapes and bind it."""
        max_inputs = {name: max_shape for name, (_, max_shape) in self._ranges.items()}
        max_shapes = max_inputs | engine.reshape(max_inputs)
        for spec in (*self.inputs, *self.outputs):
            size = max(1, int(np.prod(max_shapes[spec.name])) * np.dtype(spec.dtype).itemsize)
            memory = _Memory(self._cuda.allocate_on_device(size), self._cuda.allocate_pinned(size))
            memory.host[:] = 0
            engine.bind(spec.name, memory.address)
            self._memory[spec.name] = memory
        self._set_shapes(max_inputs, max_shapes)

    def _reshape(self, shapes: dict[str, Shape]) -> None:
        if shapes == self._shapes:
            return
        assert self._engine is not None, "a closed runner does not run"
        for name, shape in shapes.items():
            low, high = self._ranges[name]
            if any(not a <= b <= c for a, b, c in zip(low, shape, high, strict=True)):
                shown = ["x".join(map(str, lengths)) for lengths in (low, shape, high)]
                raise InputError(
                    f"the shape of the input {name} is {shown[1]}, and the engine was built for {shown[0]} "
                    f"to {shown[2]}; export it with other `min_shapes` and `max_shapes`"
                )
        self._shapes = {}  # in case the next line fails
        self._set_shapes(shapes, shapes | self._engine.reshape(shapes))

    def _set_shapes(self, shapes: dict[str, Shape], all_shapes: dict[str, Shape]) -> None:
        self._tensors = {
            spec.name: self._memory[spec.name].view_as(spec, all_shapes[spec.name])
            for spec in (*self.inputs, *self.outputs)
        }
        self._shapes = shapes

    def _prepare_launch(self) -> tuple[str, Callable[[], None]]:
        """Return whether a run is a CUDA graph, as text, and the function that queues a run."""
        if any(spec.is_dynamic for spec in self.inputs):
            return "no", self._queue
        self._queue()  # TensorRT initializes itself in the first run, which cannot be captured
        self._cuda.synchronize()
        try:
            return "yes", self._cuda.capture(self._queue)
        except DeviceError as error:
            return f"no: {error}", self._queue

    def _queue(self) -> None:
        assert self._engine is not None, "a closed runner does not run"
        for spec in self.inputs:
            self._cuda.upload(self._memory[spec.name].address, self._tensors[spec.name])
        self._engine.enqueue(self._cuda.stream)
        for spec in self.outputs:
            self._cuda.download(self._tensors[spec.name], self._memory[spec.name].address)


def _check_options(artifact: Artifact, options: RunOptions) -> None:
    if options.device != "cuda":
        raise DeviceError(
            f"`device={options.device}`: the TensorRT engine {artifact.path.name} runs on cuda only; use "
            "`device=cuda`"
        )
    resolve_threads(options, "TensorRT")
    built = artifact.precision
    known = built if built != "unknown" else "fp32"
    if options.precision not in (None, "auto", known):
        raise DeviceError(
            f"`precision={options.precision}`: {artifact.path.name} was built in {known}; use "
            f"`precision={known}` or auto, or export it again"
        )


def _ordered(own: tuple[TensorSpec, ...], expected: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """Return the tensors of the engine in the order of the manifest, if the names are the same."""
    by_name = {spec.name: spec for spec in own}
    names = [spec.name for spec in expected]
    return tuple(by_name[name] for name in names) if by_name.keys() == set(names) else own
