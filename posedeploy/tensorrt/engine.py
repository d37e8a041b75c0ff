"""Load a serialized TensorRT engine, and run it with addresses of tensors on a stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from posedeploy.errors import ArtifactError, DeviceError, InputError
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.tensorrt.libraries import error_logger, first_error
from posedeploy.types import Artifact, TensorSpec

Shape: TypeAlias = tuple[int, ...]


class Engine(ABC):
    """A network on the GPU, one of its executions at a time.

    ranges: the min and max shape of each input, by its name.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    ranges: Mapping[str, tuple[Shape, Shape]]

    @abstractmethod
    def reshape(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        """Take inputs of these shapes from now on; the shapes of the outputs then.

        Raises:
            DeviceError: one is not taken.
            InputError: together they make no network.
        """

    @abstractmethod
    def bind(self, name: str, address: int) -> None:
        """Where on the GPU a tensor lies."""

    @abstractmethod
    def enqueue(self, stream: int) -> None:
        """Queue one execution.

        Raises:
            DeviceError: it cannot be queued.
        """


class TensorRtEngine(Engine):
    """An engine that either TensorRT library runs."""

    def __init__(self, api: ModuleType, artifact: Artifact) -> None:
        self._logger = error_logger(api)
        self._runtime = api.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(artifact.path.read_bytes())
        if self._engine is None:
            raise _refusal(artifact, api, self._logger.errors)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise DeviceError(
                f"{artifact.path}: {api.__name__} cannot run it here ({first_error(self._logger.errors)})"
            )
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        inputs = [n for n in names if self._engine.get_tensor_mode(n) == api.TensorIOMode.INPUT]
        specs = {name: self._spec(api, name, artifact) for name in names}
        self.inputs = tuple(specs[name] for name in inputs)
        self.outputs = tuple(specs[name] for name in names if name not in inputs)
        self.ranges = {name: self._range(name) for name in inputs}

    def reshape(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        self._logger.errors.clear()
        for name, shape in shapes.items():
            if not self._context.set_input_shape(name, shape):
                raise DeviceError(
                    f"TensorRT does not take {name} as {'x'.join(map(str, shape))} "
                    f"({first_error(self._logger.errors)})"
                )
        given = {spec.name: tuple(self._context.get_tensor_shape(spec.name)) for spec in self.outputs}
        if any(length < 0 for shape in given.values() for length in shape):
            together = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
            raise InputError(
                f"these inputs do not go together: {together} ({first_error(self._logger.errors)})"
            )
        return given

    def bind(self, name: str, address: int) -> None:
        if not self._context.set_tensor_address(name, address):
            raise DeviceError(f"TensorRT does not take {name} there ({first_error(self._logger.errors)})")

    def enqueue(self, stream: int) -> None:
        self._logger.errors.clear()
        if not self._context.execute_async_v3(stream):
            raise DeviceError(f"TensorRT cannot run this engine ({first_error(self._logger.errors)})")

    def _spec(self, api: ModuleType, name: str, artifact: Artifact) -> TensorSpec:
        shape = tuple(
            f"axis{axis}" if length < 0 else int(length)
            for axis, length in enumerate(self._engine.get_tensor_shape(name))
        )
        return TensorSpec(name, shape, numpy_type(api, self._engine.get_tensor_dtype(name), name, artifact))

    def _range(self, name: str) -> tuple[Shape, Shape]:
        shape = tuple(self._engine.get_tensor_shape(name))
        if min(shape, default=0) >= 0:
            return shape, shape
        lowest, _, highest = self._engine.get_tensor_profile_shape(name, 0)
        return tuple(lowest), tuple(highest)


def numpy_type(api: ModuleType, dtype: Any, tensor: str, artifact: Artifact) -> str:
    """The name of NumPy's type for one of TensorRT's.

    Raises:
        ArtifactError: it has none.
    """
    try:
        return str(np.dtype(api.nptype(dtype)).name)
    except TypeError as error:
        raise ArtifactError(
            f"{artifact.path}: its tensor {tensor} is {dtype.name}, which NumPy has no type for; build it "
            "with another for its inputs and outputs"
        ) from error


def _refusal(artifact: Artifact, api: ModuleType, errors: list[str]) -> Exception:
    """What the user is told of bytes that did not become an engine: that they are none, or that the GPU or
    its driver does not do."""
    said: Any = first_error(errors)
    if "Error Code 1: Cuda Runtime" in said:
        return DeviceError(f"`device=cuda`: {api.__name__} cannot use this GPU ({said})")
    remedy = (
        "it is a third-party engine: build it again where it came from, or export the network"
        if build_info_of(artifact) is None
        else f"build it again from its kept ONNX: posedeploy engine rebuild {artifact.path}"
    )
    return ArtifactError(
        f"{artifact.path}: {api.__name__} {api.__version__} cannot load it ({said}); {remedy}"
    )
