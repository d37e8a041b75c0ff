"""Run IR and ONNX files with OpenVINO."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from posedeploy import openvino_telemetry  # noqa: F401

# isort: split

import openvino
from openvino import properties

from posedeploy.errors import ArtifactError, DeviceError, RunnerStateError
from posedeploy.layer_counts import details_of, summary
from posedeploy.runtimes import forks
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.openvino_precision import (
    CAPABILITIES,
    count_layers,
    has_arithmetic,
    reported_precision,
    set_precision,
)
from posedeploy.runtimes.run_options import resolve_threads
from posedeploy.types import (
    STREAMS,
    Artifact,
    Precision,
    RunOptions,
    RuntimeInfo,
    Tensors,
    TensorSpec,
)

DEVICES = {"cpu": "CPU", "intel-gpu": "GPU", "npu": "NPU", "auto": "AUTO"}
"""OpenVINO's names of the devices of options."""
_CORES: list[openvino.Core] = []
_CORE_LOCK = Lock()
RUN_ERRORS = (RuntimeError, UnicodeDecodeError)
"""Errors of a run, such as of a file whose operators do not fit each other."""


class OpenVinoRunner(Runner):
    """A runner of a ``.xml`` or ``.onnx`` file on one OpenVINO device.

    On a CPU with bf16, OpenVINO runs float32 networks in bf16 by default: precision ``auto`` allows it, and
    ``fp32`` does not. A file that was exported in bf16 or mixed precision runs in the recorded precision.
    """

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        forks.start_threads("OpenVINO")
        self._path = artifact.path
        core = _core()
        device = _device(core, options.device)
        precision, properties_of_precision = set_precision(core, device, artifact, options)
        try:
            model = core.read_model(artifact.path)
        except RuntimeError as error:
            raise _read_error(artifact.path, error) from error
        try:
            self._compiled = core.compile_model(
                model, device, {**_config(options), **properties_of_precision}
            )
        except RuntimeError as error:
            raise DeviceError(
                f"`device={options.device}`: OpenVINO cannot compile {artifact.path} for it: {_reason(error)}"
            ) from error
        self.inputs = tuple(_spec(port) for port in self._compiled.inputs)
        self.outputs = tuple(_spec(port) for port in self._compiled.outputs)
        self.runtime_info = _runtime_info(self._compiled, options, precision)
        self._request = self._compiled.create_infer_request()
        self._requests: list[Any] = []  # of all streams
        self._idle: list[list[Any]] = []  # those of streams that have ended

    def _run(self, tensors: Tensors) -> Tensors:
        try:
            # On several threads, ``infer`` saves a change of threads. On one, it ignores the errors of a run
            # and returns uninitialized memory.
            if (self.runtime_info.threads or 1) > 1:
                arrays = self._request.infer(tensors, share_inputs=True).values()
                return {spec.name: array for spec, array in zip(self.outputs, arrays, strict=True)}
            self._request.start_async(tensors, share_inputs=True)
            self._request.wait()
            return self._results(self._request)
        except RUN_ERRORS as error:
            raise self._failure(error) from error

    def _stream(self, batches: Iterator[Tensors]) -> Generator[Tensors, None, None]:
        """Yield results in order, with the optimal number of requests in flight, which depends on the
        hint."""
        free = self._take_requests()
        pending: deque[Any] = deque()
        try:
            for batch in batches:
                if not free:
                    yield self._finish(pending, free)
                pending.append(self._start(free, batch))
            while pending:
                yield self._finish(pending, free)
        finally:
            for request in pending:
                with suppress(*RUN_ERRORS):  # the caller has an earlier error, or has abandoned the stream
                    request.wait()
            if self._compiled is not None:
                self._idle.append([*free, *pending])

    def _take_requests(self) -> list[Any]:
        """Return the requests of an ended stream, or new ones."""
        with self._exclusively():
            if self._idle:
                return self._idle.pop()
            count = self._compiled.get_property(properties.optimal_number_of_infer_requests) + 1
            requests = [self._compiled.create_infer_request() for _ in range(count)]
            self._requests += requests
            return list(requests)

    def _start(self, free: list[Any], batch: Tensors) -> Any:
        request = free.pop()
        try:
            with self._lock:
                if self._unusable:  # closed since the batch was checked
                    raise RunnerStateError(self._unusable)
                request.start_async(batch)  # the request copies the arrays, so the caller may reuse them
        except RUN_ERRORS as error:
            free.append(request)
            raise self._failure(error) from error
        return request

    def _finish(self, pending: deque[Any], free: list[Any]) -> Tensors:
        request = pending.popleft()
        free.append(request)
        try:
            request.wait()
            return self._results(request)
        except RUN_ERRORS as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> ArtifactError:
        return ArtifactError(f"{self._path}: OpenVINO cannot run it on these inputs ({_reason(error)})")

    def _results(self, request: Any) -> Tensors:
        return {
            spec.name: request.get_output_tensor(index).data.copy() for index, spec in enumerate(self.outputs)
        }

    def _close(self) -> None:
        for request in self._requests:
            with suppress(*RUN_ERRORS):  # its stream raises it
                request.wait()
        self._request = self._compiled = None
        self._requests, self._idle = [], []


def _core() -> openvino.Core:
    """Return the Core of this process, which is never destroyed.

    The CPU plugin of a Core allocates a signal stack in the thread that loads it, and frees it with the Core
    and its models. If another thread frees it, or in another order, the next signal, such as Ctrl-C, crashes
    the process.
    """
    with _CORE_LOCK:
        if not _CORES:
            _CORES.append(openvino.Core())
        return _CORES[0]


def check_device(device: str) -> None:
    """Check that OpenVINO has a device on this machine.

    Raises:
        DeviceError: it does not.
    """
    _device(openvino.Core(), device)


def check_arithmetic(device: str, precision: str) -> None:
    """Check that a device has arithmetic in a precision, which a file may require; ``auto`` may choose one.

    Raises:
        DeviceError: OpenVINO does not have the device on this machine, or reports no such arithmetic for it.
    """
    core = openvino.Core()
    name = _device(core, device)
    is_optional = precision in CAPABILITIES and precision != "fp32"
    if is_optional and name != "AUTO" and not has_arithmetic(core, name, precision):
        raise DeviceError(f"OpenVINO reports no {precision} arithmetic for {name} on this machine")


def _device(core: openvino.Core, device: str) -> str:
    """Return OpenVINO's name of a device that this machine has, such as ``GPU`` or ``GPU.1``."""
    kind, dot, number = device.partition(".")
    name = DEVICES.get(kind, "?") + dot + number
    available = [*core.available_devices, "AUTO"]
    if not any(other == name or other.startswith(f"{name}.") for other in available):
        kinds = {other.partition(".")[0] for other in available}
        usable = [option for option, kind in DEVICES.items() if kind in kinds]
        raise DeviceError(
            f"`device={device}`: OpenVINO does not have this device on this machine; use "
            f"{' or '.join(usable)}"
        )
    return name


def _config(options: RunOptions) -> dict[str, Any]:
    config: dict[str, Any] = {properties.hint.performance_mode: options.hint.upper()}
    threads = resolve_threads(options, "OpenVINO")
    if threads is not None:
        config[properties.inference_num_threads] = threads
    if options.device == "auto":  # else the CPU runs until the selected device is ready
        config[properties.intel_auto.enable_startup_fallback] = False
        config[properties.intel_auto.enable_runtime_fallback] = False
    return config


def _runtime_info(compiled: openvino.CompiledModel, options: RunOptions, precision: Precision) -> RuntimeInfo:
    """Return the properties of the compiled model, checked against the options."""
    devices = compiled.get_property("EXECUTION_DEVICES")
    of_device = compiled.get_property("DEVICE_PROPERTIES")[devices[0]] if options.device == "auto" else {}

    def read(name: str) -> Any:
        return of_device[name] if of_device else compiled.get_property(name)

    hinted = reported_precision(read("INFERENCE_PRECISION_HINT").get_type_name())
    if precision not in ("auto", hinted):
        raise DeviceError(
            f"`precision={precision}`: {', '.join(devices)} runs this file in {hinted}; use "
            f"`precision={hinted}` or auto"
        )
    threads = read("INFERENCE_NUM_THREADS") if devices == ["CPU"] else None
    expected = resolve_threads(options, "OpenVINO")
    if expected is not None and threads != expected:
        raise DeviceError(
            f"`threads={expected}`: OpenVINO uses {threads} threads instead; use `threads={threads}`"
        )
    counts = count_layers(compiled)
    return RuntimeInfo(
        "openvino",
        openvino.__version__.partition("-")[0],
        ", ".join(devices),
        summary(counts) or hinted,
        threads,
        {STREAMS: str(read("NUM_STREAMS")), "hint": options.hint, **details_of(counts)},
    )


def _spec(port: Any) -> TensorSpec:
    shape = tuple(
        axis.get_length() if axis.is_static else f"axis{position}"
        for position, axis in enumerate(port.partial_shape)
    )
    return TensorSpec(port.any_name, shape, np.dtype(port.element_type.to_dtype()).name)


def _read_error(path: Path, error: Exception) -> ArtifactError:
    weights = path.with_suffix(".bin")
    if path.suffix == ".xml" and not weights.is_file():
        return ArtifactError(
            f"{path}: the weights file {weights.name} is missing; put it next to {path.name}, and rename "
            "both together"
        )
    return ArtifactError(f"{path}: OpenVINO cannot read it ({_reason(error)})")


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
