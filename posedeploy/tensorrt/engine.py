"""Load a serialized TensorRT engine, and run it on a stream with the addresses of its tensors."""

from __future__ import annotations

import shlex
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
    """A network on the GPU with one execution at a time.

    ranges: the min and max shape of each input, by its name.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    ranges: Mapping[str, tuple[Shape, Shape]]

    @abstractmethod
    def reshape(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        """Set the shapes of the next inputs; return the shapes of the outputs.

        Raises:
            DeviceError: TensorRT rejects a shape.
            InputError: the shapes do not fit each other.
        """

    @abstractmethod
    def bind(self, name: str, address: int) -> None:
        """Set the address of a tensor on the GPU."""

    @abstractmethod
    def enqueue(self, stream: int) -> None:
        """Queue one execution.

        Raises:
            DeviceError: it cannot be queued.
        """


class TensorRtEngine(Engine):
    """An engine of either TensorRT library."""

    def __init__(self, api: ModuleType, artifact: Artifact) -> None:
        self._logger = error_logger(api)
        self._runtime = api.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(artifact.path.read_bytes())
        if self._engine is None:
            raise _load_error(artifact, api, self._logger.errors)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise DeviceError(
                f"{artifact.path}: {api.__name__} cannot run this engine on this machine "
                f"({first_error(self._logger.errors)})"
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
                    f"TensorRT rejects {name} with the shape {'x'.join(map(str, shape))} "
                    f"({first_error(self._logger.errors)})"
                )
        outputs = {spec.name: tuple(self._context.get_tensor_shape(spec.name)) for spec in self.outputs}
        if any(length < 0 for shape in outputs.values() for length in shape):
            inputs = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
            raise InputError(f"incompatible input shapes: {inputs} ({first_error(self._logger.errors)})")
        return outputs

    def bind(self, name: str, address: int) -> None:
        if not self._context.set_tensor_address(name, address):
            raise DeviceError(f"TensorRT rejects the address of {name} ({first_error(self._logger.errors)})")

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
        min_shape, _, max_shape = self._engine.get_tensor_profile_shape(name, 0)
        return tuple(min_shape), tuple(max_shape)


def numpy_type(api: ModuleType, dtype: Any, tensor: str, artifact: Artifact) -> str:
    """Return the name of the NumPy type for a TensorRT type.

    Raises:
        ArtifactError: NumPy has no such type.
    """
    try:
        return str(np.dtype(api.nptype(dtype)).name)
    except TypeError as error:
        raise ArtifactError(
            f"{artifact.path}: its tensor {tensor} is {dtype.name}, which NumPy has no type for; build the "
            "engine with another type for its inputs and outputs"
        ) from error


def _load_error(artifact: Artifact, api: ModuleType, errors: list[str]) -> Exception:
    """Return the error for an engine that does not load: a fault of the GPU or its driver, or of the file."""
    reason = first_error(errors)
    if "Error Code 1: Cuda Runtime" in reason:
        return DeviceError(f"`device=cuda`: {api.__name__} cannot use this GPU ({reason})")
    remedy = (
        "rebuild this third-party engine at its source, or export the network"
        if build_info_of(artifact) is None
        else f"rebuild it from its ONNX file: posedeploy engine rebuild {shlex.quote(str(artifact.path))}"
    )
    return ArtifactError(
        f"{artifact.path}: {api.__name__} {api.__version__} cannot load it ({reason}); {remedy}"
    )
