"""ONNX Runtime."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from posedeploy import plugins
from posedeploy.errors import ArtifactError, DeviceError, MissingPackageError, PoseDeployError, first_line
from posedeploy.layer_counts import details_of, summary
from posedeploy.printable import listed
from posedeploy.runtimes import onnxruntime_placement as placement
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.onnxruntime_fusions import find_crashing_fusions
from posedeploy.runtimes.onnxruntime_layers import LayerReport
from posedeploy.runtimes.run_options import check_precision, resolve_threads
from posedeploy.types import CUDA_GRAPH, LAYERS, Artifact, RunOptions, RuntimeInfo, Tensors, TensorSpec

if TYPE_CHECKING:
    from posedeploy.runtimes.onnxruntime_graph import GraphedSession

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
FORBID_CPU = ("session.disable_cpu_ep_fallback", "1")
"""For versions of ONNX Runtime that cannot report where nodes run: forbids the CPU even for shape
arithmetic."""
FATAL = 4
"""The log level at which ONNX Runtime prints nothing in addition to its exceptions."""
MAX_LISTED_NODES = 3
"""Nodes listed in a message."""
DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(uint16)": "uint16",
    "tensor(int16)": "int16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(double)": "float64",
}
LOAD_ERRORS = (
    native.InvalidProtobuf, native.InvalidGraph, native.Fail, native.InvalidArgument, native.NotImplemented,
    native.NoSuchFile, native.RuntimeException, native.EPFail,
)  # fmt: skip
GPU_ERRORS = (native.EPFail, native.Fail, native.RuntimeException)
"""Errors of CUDA in a run, such as out of memory."""
RUN_ERRORS = (*GPU_ERRORS, native.InvalidArgument, native.NotImplemented, UnicodeDecodeError)
"""Errors of a run: of CUDA, or of a file whose operators do not fit each other."""
QUANTIZED, UNKNOWN = "fp32+int8", "precision unknown"
"""The precisions of an exported INT8 file and the details of its layers, if the layers cannot be read."""
INSTALL_CUDA = "pip uninstall onnxruntime, then pip install 'posedeploy[onnxruntime-gpu]'"


class OnnxRuntimeRunner(Runner):
    """A runner of a ``.onnx`` file on exactly one execution provider.

    On a GPU, a network with fixed shapes in its manifest is replayed as one CUDA graph, which needs
    cuda-python. If it cannot be captured, it runs without a graph, and ``runtime_info`` has the reason.
    """

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        precision = _precision(artifact, options)
        is_quantized = artifact.calibration is not None
        reports_layers = options.device == "cpu" and (is_quantized or artifact.precision == "fp16")
        report = LayerReport() if reports_layers else None
        factory = _SessionFactory(artifact, options, report)
        self._path, self._device = artifact.path, options.device
        self._graphed, details = _graphed(factory, artifact, options)
        self._session = self._graphed.session if self._graphed else factory.create({})
        self.inputs, self.outputs = _specs(self._session)
        self._names = [spec.name for spec in self.outputs]
        self.runtime_info = RuntimeInfo(
            "onnxruntime",
            onnxruntime.__version__,
            options.device.upper(),
            (summary(report.counts) or QUANTIZED) if report and is_quantized else precision,
            factory.threads and self._session.get_session_options().intra_op_num_threads,
            {
                "provider": factory.provider,
                "hint": options.hint,
                **_layers(report),
                **details,
            },
        )

    def _run(self, tensors: Tensors) -> Tensors:
        try:
            if self._graphed is not None:
                return self._graphed.run(tensors)
            return dict(zip(self._names, self._session.run(self._names, tensors), strict=True))
        except RUN_ERRORS as error:
            if self._device == "cpu":
                raise ArtifactError(
                    f"{self._path}: ONNX Runtime cannot run it on these inputs ({first_line(error)})"
                ) from error
            raise DeviceError(
                f"`device={self._device}`: ONNX Runtime failed ({first_line(error)})"
            ) from error

    def _close(self) -> None:
        self._session = None
        if self._graphed is not None:
            self._graphed.close()

    def _survives_fork(self) -> bool:
        return self.runtime_info.threads == 1  # with one thread, it runs on the calling thread


class _SessionFactory:
    """A factory of sessions of one file with the provider and threads of the options.

    report: the report of the layers of the session; None for none.
    """

    def __init__(self, artifact: Artifact, options: RunOptions, report: LayerReport | None) -> None:
        self.report = report
        self.threads = resolve_threads(options, "ONNX Runtime")
        self.artifact, self.options = artifact, options
        self.preloaded = ""
        if options.device == "cuda":
            onnxruntime.set_default_logger_severity(FATAL)  # else cuDNN logs each kernel that it rejects
            self.preloaded = preload()
        self.provider = _provider(options)

    def create(self, provider_options: Mapping[str, str]) -> Any:
        """Return a session of the file.

        Raises:
            ArtifactError: the file cannot be loaded.
            DeviceError: the device cannot be used, or lacks an operator of the network.
        """
        settings = onnxruntime.SessionOptions()
        if self.threads is not None:
            settings.intra_op_num_threads = self.threads
        else:
            can_report = placement.can_report()
            settings.add_session_config_entry(*((placement.RECORD, "1") if can_report else FORBID_CPU))
        settings.log_severity_level = FATAL
        own = _cuda_options(self.artifact, self.options) if self.threads is None else {}
        crashing_fusions = find_crashing_fusions(self.artifact.path)

        def load(settings: Any) -> Any:
            return onnxruntime.InferenceSession(
                str(self.artifact.path),
                settings,
                providers=[(self.provider, {**own, **provider_options})],
                enable_fallback=0,  # else failures on the GPU run on the CPU without an error
                disabled_optimizers=crashing_fusions,
            )

        try:
            session = load(settings) if self.report is None else self.report.record(load, settings)
        except LOAD_ERRORS as error:
            raise load_error(self.artifact, self.options.device, error, self.preloaded) from error
        except RuntimeError as error:
            if self.options.device == "cpu" or type(error) is not RuntimeError:
                raise  # a bug
            raise load_error(self.artifact, self.options.device, error, self.preloaded) from error
        self._check(session)
        return session

    def _check(self, session: Any) -> None:
        device = self.options.device
        if session.get_providers()[0] != self.provider:
            raise DeviceError(
                f"`device={device}`: ONNX Runtime cannot use {self.provider} and would run on "
                f"{session.get_providers()[0]}: its CUDA libraries are missing or of another version; "
                f"{INSTALL_CUDA}, or use `device=cpu`{self.preloaded}"
            )
        if self.threads is None and placement.can_report():
            cpu_nodes = placement.list_cpu_nodes(session)
            if cpu_nodes:
                raise DeviceError(
                    f"`device={device}`: ONNX Runtime has no {device} kernel for "
                    f"{listed(cpu_nodes, MAX_LISTED_NODES)} of {self.artifact.path} and would run it on the "
                    "CPU; use `device=cpu`, or export to another target"
                )


def _cuda_options(artifact: Artifact, options: RunOptions) -> dict[str, str]:
    """Return the options of the CUDA provider for a precision.

    Without TF32, ONNX Runtime does not use the tensor cores for convolutions in FP16 either, so it is on for
    FP16 files. The kernels of the tensor cores need channels-last images.
    """
    if check_precision(artifact, options) is not None:
        return {"use_tf32": "1", "prefer_nhwc": "1"}
    return {"use_tf32": str(int(options.precision == "tf32"))}


def _graphed(
    factory: _SessionFactory, artifact: Artifact, options: RunOptions
) -> tuple[GraphedSession | None, dict[str, str]]:
    """Return a session as a CUDA graph if possible, and the details to report."""
    if options.device == "cpu":
        return None, {}
    inputs = artifact.spec.inputs
    if not options.cuda_graphs or not inputs or any(spec.is_dynamic for spec in inputs):
        return None, {CUDA_GRAPH: "no"}
    try:
        graphed_session: type[GraphedSession] = plugins.load(
            "posedeploy.runtimes.onnxruntime_graph:GraphedSession", "onnxruntime-gpu"
        )
        return graphed_session(factory.create, _specs), {CUDA_GRAPH: "yes"}
    except (MissingPackageError, DeviceError, ArtifactError, *GPU_ERRORS) as error:
        # If more than the graph fails, the session without a graph raises the error next.
        return None, {CUDA_GRAPH: f"no: {first_line(error)}"}


def _layers(report: LayerReport | None) -> dict[str, str]:
    """Return the layers for ``RuntimeInfo.details``."""
    if report is None:
        return {}
    return {LAYERS: UNKNOWN} if report.is_unknown else details_of(report.counts)


def _specs(session: Any) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return the inputs and outputs of a session."""
    return tuple(map(_spec, session.get_inputs())), tuple(map(_spec, session.get_outputs()))


def _precision(artifact: Artifact, options: RunOptions) -> str:
    """Return the precision that the file runs in.

    Raises:
        DeviceError: ONNX Runtime cannot run the file in the precision of the options.
    """
    if artifact.calibration is not None and options.device != "cpu":
        raise DeviceError(
            f"`device={options.device}`: {artifact.path.name} was exported in {artifact.precision}, and ONNX "
            "Runtime computes in INT8 on the CPU only; use `device=cpu`, or export it with `precision=fp16`"
        )
    reduced = check_precision(artifact, options)
    supported = ("fp32", "tf32") if options.device == "cuda" else ("fp32",)
    if reduced is None and options.precision not in (*supported, None, "auto"):
        raise DeviceError(
            f"`precision={options.precision}`: ONNX Runtime runs this file in {' or '.join(supported)} on "
            f"{options.device}; use one of these, or export it with `precision=fp16`"
        )
    if artifact.precision == "unknown":  # ONNX Runtime does not show the types inside a graph
        return "as in the file"
    return "tf32" if options.precision == "tf32" else artifact.precision


def preload() -> str:
    """Load the CUDA libraries that pip installed, which ONNX Runtime does not find on its own.

    Returns its first message about a library that it could not load, for error messages; '' for none.
    """
    if not hasattr(onnxruntime, "preload_dlls"):  # came with 1.21
        return ""
    printed = io.StringIO()
    with redirect_stdout(printed), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        onnxruntime.preload_dlls()
    lines = [*printed.getvalue().splitlines(), *(str(warning.message) for warning in warned)]
    messages = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in lines if line.strip()]
    return f" (message of ONNX Runtime: {messages[0]})" if messages else ""


def _provider(options: RunOptions) -> str:
    provider = PROVIDERS.get(options.device, options.device)
    available = onnxruntime.get_available_providers()
    if options.device not in PROVIDERS or provider not in available:
        supported = [device for device, name in PROVIDERS.items() if name in available]
        raise DeviceError(
            f"`device={options.device}`: this ONNX Runtime supports {', '.join(supported)}"
            + (f"; {INSTALL_CUDA}" if options.device == "cuda" else "")
        )
    return provider


def _spec(argument: onnxruntime.NodeArg) -> TensorSpec:
    shape = tuple(
        length if isinstance(length, int) else str(length or "dynamic") for length in argument.shape
    )
    return TensorSpec(argument.name, shape, DTYPES.get(argument.type, argument.type))


def load_error(artifact: Artifact, device: str, error: Exception, note: str = "") -> PoseDeployError:
    """Return the error for a session that could not be created.

    Args:
        note: the result of ``preload``.
    """
    if "fallback to CPU EP has been explicitly disabled" in str(error):
        return DeviceError(
            f"`device={device}`: ONNX Runtime would run a part of {artifact.path} on the CPU: it has no "
            f"{device} kernel for an operator, or its CUDA libraries are missing or of another version; "
            f"{INSTALL_CUDA}, or use `device=cpu`{note}"
        )
    if not isinstance(error, LOAD_ERRORS) or isinstance(error, native.EPFail):  # an error of CUDA
        return DeviceError(f"`device={device}`: ONNX Runtime cannot use it ({first_line(error)}){note}")
    return ArtifactError(f"{artifact.path}: ONNX Runtime cannot load it ({first_line(error)})")
