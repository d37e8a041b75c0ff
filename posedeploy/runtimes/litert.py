"""LiteRT: the interpreter of TFLite files, with XNNPACK wherever it takes an operator."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from posedeploy import plugins
from posedeploy.errors import ArtifactError, DeviceError, InputError, ManifestError, first_line
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.litert_details import operators_of, precision_of, quantization_of, tensors_of
from posedeploy.runtimes.run_options import threads_asked
from posedeploy.suppress_output import quiet
from posedeploy.text_files import convert
from posedeploy.types import (
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    Artifact,
    ModelSpec,
    RunOptions,
    RuntimeInfo,
    Tensors,
    TensorSpec,
)


class LiteRtRunner(Runner):
    """Runs a ``.tflite`` file on the CPU.

    The tensors that by its manifest have their channels last in the file alone are given and taken as the
    spec has them, channels first.
    """

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        threads = _threads(options)
        self._path = artifact.path
        self._interpreter = _opened(artifact, threads)
        entering, leaving = _tensors(artifact, self._interpreter)
        last = _channels_last(artifact)
        self.inputs = _specs(artifact, artifact.spec.inputs, entering, last)
        self.outputs = _specs(artifact, artifact.spec.outputs, leaving, last)
        self._entries = [
            (tensor.name, int(entering[tensor.name]["index"]), tensor.name in last) for tensor in self.inputs
        ]
        self._exits = [
            (tensor.name, int(leaving[tensor.name]["index"]), tensor.name in last) for tensor in self.outputs
        ]
        self._free = any(tensor.is_dynamic for tensor in self.inputs)
        self._shapes: list[tuple[int, ...]] = []
        if not self._free:
            self._allocate()
        elif usual := _usual_shapes(artifact.spec, self.inputs):
            self._fit(usual)
        operators = operators_of(self._interpreter)
        self.runtime_info = RuntimeInfo(
            "litert",
            str(plugins.version_of("ai_edge_litert")),
            "CPU",
            precision_of(operators, self.inputs[0].dtype),
            threads,
            {"hint": options.hint, **(operators.summary if self._shapes or not self._free else {})},
        )

    def _run(self, tensors: Tensors) -> Tensors:
        if self._free:
            self._fit([tensors[spec.name].shape for spec in self.inputs])
        interpreter = self._interpreter
        for name, index, last in self._entries:
            array = tensors[name]
            # A view of the interpreter's own memory, gone again before it runs.
            np.copyto(interpreter.tensor(index)(), array.transpose(TO_CHANNELS_LAST) if last else array)
        try:
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ArtifactError(f"{self._path}: LiteRT cannot run it ({first_line(error)})") from error
        return {
            name: interpreter.tensor(index)().transpose(TO_CHANNELS_FIRST).copy()
            if last
            else interpreter.get_tensor(index)
            for name, index, last in self._exits
        }

    def _fit(self, shapes: list[tuple[int, ...]]) -> None:
        """Give the free axes the lengths that these inputs have."""
        if shapes == self._shapes:
            return
        for (_, index, last), shape in zip(self._entries, shapes, strict=True):
            laid_out = tuple(shape[axis] for axis in TO_CHANNELS_LAST) if last else shape
            try:
                self._interpreter.resize_tensor_input(index, laid_out, strict=True)
            except (RuntimeError, ValueError) as error:
                raise ArtifactError(
                    f"{self._path}: its manifest says that its axes are free, and in the file they are not; "
                    "export it again"
                ) from error
        self._shapes = []
        try:
            self._allocate()
        except ArtifactError as error:
            raise InputError(f"these inputs are of a size that the network cannot take: {error}") from error
        self._shapes = shapes

    def _allocate(self) -> None:
        with quiet():  # XNNPACK announces itself
            try:
                self._interpreter.allocate_tensors()
            except (RuntimeError, ValueError) as error:
                raise ArtifactError(f"{self._path}: LiteRT cannot run it ({first_line(error)})") from error

    def _close(self) -> None:
        self._interpreter = None

    def _survives_fork(self) -> bool:
        return True


def _usual_shapes(spec: ModelSpec, inputs: tuple[TensorSpec, ...]) -> list[tuple[int, ...]]:
    """The shapes of one image of the published size, or one person's joints; empty where nothing says it."""
    lengths = {"batch": 1}
    if spec.contract is not None:
        lengths |= {"height": spec.contract.height, "width": spec.contract.width}
    shapes = [
        tuple(length for length in tensor.fixed(lengths).shape if isinstance(length, int))
        for tensor in inputs
    ]
    whole = all(len(shape) == len(tensor.shape) for shape, tensor in zip(shapes, inputs, strict=True))
    return shapes if whole else []


def _threads(options: RunOptions) -> int | None:
    if options.device != "cpu":
        raise DeviceError(f"`device={options.device}`: LiteRT runs on cpu only; use `device=cpu`")
    if options.precision not in ("fp32", "auto"):
        raise DeviceError(f"`precision={options.precision}`: LiteRT runs a float32 file in fp32 only")
    return threads_asked(options, "LiteRT")


def _opened(artifact: Artifact, threads: int | None) -> Any:
    try:
        return Interpreter(model_path=str(artifact.path), num_threads=threads)
    except (RuntimeError, ValueError) as error:
        raise ArtifactError(f"{artifact.path}: LiteRT cannot read it ({first_line(error)})") from error


def _tensors(artifact: Artifact, interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs and the outputs of a file, by their names.

    Raises:
        ArtifactError: its signature names other tensors than it has, or names are not UTF-8.
    """
    try:
        return tensors_of(interpreter)
    except (LookupError, TypeError, ValueError) as error:  # of LiteRT's own Python code
        raise ArtifactError(
            f"{artifact.path}: LiteRT cannot read its tensors and signature "
            f"({type(error).__name__}: {first_line(error)}); the file is damaged: get it again from where it "
            "came, or export it again"
        ) from error


def _channels_last(artifact: Artifact) -> set[str]:
    """The tensors that have their channels last in the file alone, by its manifest."""
    try:
        last = set(convert(artifact.details.get("channels_last", ()), list[str]))
    except msgspec.ValidationError as error:
        raise ManifestError(
            f"{artifact.path}: its manifest's channels_last are no names ({error}); export it again"
        ) from error
    tensors = (*artifact.spec.inputs, *artifact.spec.outputs)
    wrong = sorted(last - {tensor.name for tensor in tensors if len(tensor.shape) == 4})
    if wrong:
        raise ManifestError(
            f"{artifact.path}: its manifest's channels_last names {', '.join(wrong)}, which is none of its "
            "images and maps; export it again"
        )
    return last


def _specs(
    artifact: Artifact, wanted: tuple[TensorSpec, ...], found: dict[str, dict[str, Any]], last: set[str]
) -> tuple[TensorSpec, ...]:
    """The tensors of the spec where the file has them, by name; otherwise those of the file as they are.

    Raises:
        ArtifactError: one is of another shape or type than the spec says.
    """
    own = {name: _spec(name, details, name in last) for name, details in found.items()}
    if artifact.provenance is None or {tensor.name for tensor in wanted} != own.keys():
        return tuple(own.values())
    for tensor in wanted:
        theirs = own[tensor.name]
        if tensor.dtype != theirs.dtype or not _fits(tensor, theirs):
            raise ArtifactError(
                f"{artifact.path}: its manifest says {tensor} and the file has {theirs}; export it again"
            )
    return wanted


def _fits(wanted: TensorSpec, found: TensorSpec) -> bool:
    """Whether every fixed axis has its length; of a free one the file may show an example's."""
    return len(wanted.shape) == len(found.shape) and all(
        isinstance(want, str) or want == got for want, got in zip(wanted.shape, found.shape, strict=True)
    )


def _spec(name: str, details: dict[str, Any], last: bool) -> TensorSpec:
    shape = tuple(
        int(length) if length >= 0 else f"axis{axis}"
        for axis, length in enumerate(details["shape_signature"])
    )
    shape = tuple(shape[axis] for axis in TO_CHANNELS_FIRST) if last else shape
    return TensorSpec(name, shape, np.dtype(details["dtype"]).name, quantization=quantization_of(details))
