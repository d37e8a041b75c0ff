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
from posedeploy.printable import listed
from posedeploy.runtimes import onnxruntime_placement as placement
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.run_options import check_precision, threads_asked
from posedeploy.types import Artifact, RunOptions, RuntimeInfo, Tensors, TensorSpec

if TYPE_CHECKING:
    from posedeploy.runtimes.onnxruntime_graph import GraphedSession

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
FORBID_CPU = ("session.disable_cpu_ep_fallback", "1")
"""The setting of an ONNX Runtime that cannot report where its nodes run: not even shape arithmetic may be on
the CPU then."""
FATAL = 4
"""The log level at which ONNX Runtime prints nothing that its exceptions do not have."""
NAMED = 3
"""Nodes that a message names."""
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
DAMAGE = (
    native.InvalidProtobuf, native.InvalidGraph, native.Fail, native.InvalidArgument, native.NotImplemented,
    native.NoSuchFile, native.RuntimeException, native.EPFail,
)  # fmt: skip
OF_THE_GPU = (native.EPFail, native.Fail, native.RuntimeException)
"""What a run raises of CUDA, such as that its memory is full."""
OF_THE_RUN = (*OF_THE_GPU, native.InvalidArgument, native.NotImplemented, UnicodeDecodeError)
"""What a run raises, of CUDA or of a file whose operators do not fit each other."""
INSTALL_CUDA = "pip uninstall onnxruntime, then pip install 'posedeploy[onnxruntime-gpu]'"


class OnnxRuntimeRunner(Runner):
    """Runs a ``.onnx`` file on one execution provider, and on no other.

    On a GPU, a network whose manifest states fixed shapes is replayed as one CUDA graph, which takes
    cuda-python; what cannot be recorded is run call by call, and ``runtime_info`` states why.
    """

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        precision = _precision(artifact, options)
        opening = _Opening(artifact, options)
        self._path, self._device = artifact.path, options.device
        self._graphed, details = _graphed(opening, artifact, options)
        self._session = self._graphed.session if self._graphed else opening.session({})
        self.inputs, self.outputs = _specs(self._session)
        self._names = [spec.name for spec in self.outputs]
        self.runtime_info = RuntimeInfo(
            "onnxruntime",
            onnxruntime.__version__,
            options.device.upper(),
            precision,
            opening.threads and self._session.get_session_options().intra_op_num_threads,
            {"provider": opening.provider, "hint": options.hint, **details},
        )

    def _run(self, tensors: Tensors) -> Tensors:
        try:
            if self._graphed is not None:
                return self._graphed.run(tensors)
            return dict(zip(self._names, self._session.run(self._names, tensors), strict=True))
        except OF_THE_RUN as error:
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
        return self.runtime_info.threads == 1  # then it runs on the thread that calls it


class _Opening:
    """How sessions of one file are made: provider, threads, and what is refused."""

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        self.threads = threads_asked(options, "ONNX Runtime")
        self.artifact, self.options = artifact, options
        self.preloaded = ""
        if options.device == "cuda":
            onnxruntime.set_default_logger_severity(FATAL)  # cuDNN's refusals of single kernels, for instance
            self.preloaded = preload()
        self.provider = _provider(options)

    def session(self, provider_options: Mapping[str, str]) -> Any:
        """A session of the file.

        Raises:
            ArtifactError: the file cannot be loaded.
            DeviceError: the device cannot be used, or lacks an operator of the network.
        """
        settings = onnxruntime.SessionOptions()
        if self.threads is not None:
            settings.intra_op_num_threads = self.threads
        else:
            reports = placement.can_report()
            settings.add_session_config_entry(*((placement.RECORD, "1") if reports else FORBID_CPU))
        settings.log_severity_level = FATAL
        own = _cuda_options(self.artifact, self.options) if self.threads is None else {}
        try:
            session = onnxruntime.InferenceSession(
                str(self.artifact.path),
                settings,
                providers=[(self.provider, {**own, **provider_options})],
                enable_fallback=0,  # what fails on the GPU would run on the CPU without an error, a run too
            )
        except DAMAGE as error:
            raise refusal(self.artifact, self.options.device, error, self.preloaded) from error
        except RuntimeError as error:
            if self.options.device == "cpu" or type(error) is not RuntimeError:
                raise  # a bug
            raise refusal(self.artifact, self.options.device, error, self.preloaded) from error
        self._check(session)
        return session

    def _check(self, session: Any) -> None:
        device = self.options.device
        if session.get_providers()[0] != self.provider:
            raise DeviceError(
                f"`device={device}`: ONNX Runtime cannot use {self.provider} and would run on "
                f"{session.get_providers()[0]}: its CUDA libraries are missing or do not fit; "
                f"{INSTALL_CUDA}, or use `device=cpu`{self.preloaded}"
            )
        if self.threads is None and placement.can_report():
            fallen_back = placement.fallen_back(session)
            if fallen_back:
                raise DeviceError(
                    f"`device={device}`: ONNX Runtime has no code on {device} for "
                    f"{listed(fallen_back, NAMED)} of {self.artifact.path} and would run that on the CPU; "
                    "use `device=cpu`, or export to another target"
                )


def _cuda_options(artifact: Artifact, options: RunOptions) -> dict[str, str]:
    """The CUDA provider's options for a precision.

    Without TF32, ONNX Runtime keeps convolutions in FP16 off the tensor cores too, so an FP16 file allows it;
    channels-last is how those kernels take images.
    """
    if check_precision(artifact, options) is not None:
        return {"use_tf32": "1", "prefer_nhwc": "1"}
    return {"use_tf32": str(int(options.precision == "tf32"))}


def _graphed(
    opening: _Opening, artifact: Artifact, options: RunOptions
) -> tuple[GraphedSession | None, dict[str, str]]:
    """A session as a CUDA graph where that is possible, and what to report of it."""
    if options.device == "cpu":
        return None, {}
    inputs = artifact.spec.inputs
    if not options.cuda_graphs or not inputs or any(spec.is_dynamic for spec in inputs):
        return None, {"CUDA graph": "no"}
    try:
        make: type[GraphedSession] = plugins.load(
            "posedeploy.runtimes.onnxruntime_graph:GraphedSession", "onnxruntime-gpu"
        )
        return make(opening.session, _specs), {"CUDA graph": "yes"}
    except (MissingPackageError, DeviceError, ArtifactError, *OF_THE_GPU) as error:
        # Where it is not the graph alone that fails, the plain session made next raises the error.
        return None, {"CUDA graph": f"no: {first_line(error)}"}


def _specs(session: Any) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """The inputs and outputs of a session."""
    return tuple(map(_spec, session.get_inputs())), tuple(map(_spec, session.get_outputs()))


def _precision(artifact: Artifact, options: RunOptions) -> str:
    """What the file is run in.

    Raises:
        DeviceError: another precision was asked for than there is.
    """
    reduced = check_precision(artifact, options)
    offered = ("fp32", "tf32") if options.device == "cuda" else ("fp32",)
    if reduced is None and options.precision not in (*offered, "auto"):
        raise DeviceError(
            f"`precision={options.precision}`: ONNX Runtime runs this file in {' or '.join(offered)} on "
            f"{options.device}; export it with `precision=fp16` for another, or give one of these"
        )
    if artifact.precision == "unknown":  # ONNX Runtime does not show the types inside a graph
        return "as in the file"
    return "tf32" if options.precision == "tf32" else artifact.precision


def preload() -> str:
    """Load the CUDA libraries that pip installed, where ONNX Runtime finds them only when it is told to; what
    it said first of those that it could not load, to be added to a message: '' where it said nothing."""
    if not hasattr(onnxruntime, "preload_dlls"):  # came with 1.21
        return ""
    printed = io.StringIO()
    with redirect_stdout(printed), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        onnxruntime.preload_dlls()
    lines = [*printed.getvalue().splitlines(), *(str(warning.message) for warning in warned)]
    said = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in lines if line.strip()]
    return f" (ONNX Runtime says: {said[0]})" if said else ""


def _provider(options: RunOptions) -> str:
    provider = PROVIDERS.get(options.device, options.device)
    available = onnxruntime.get_available_providers()
    if options.device not in PROVIDERS or provider not in available:
        offered = [device for device, name in PROVIDERS.items() if name in available]
        raise DeviceError(
            f"`device={options.device}`: ONNX Runtime offers {', '.join(offered)} here"
            + (f"; {INSTALL_CUDA}" if options.device == "cuda" else "")
        )
    return provider


def _spec(argument: onnxruntime.NodeArg) -> TensorSpec:
    shape = tuple(length if isinstance(length, int) else str(length or "free") for length in argument.shape)
    return TensorSpec(argument.name, shape, DTYPES.get(argument.type, argument.type))


def refusal(artifact: Artifact, device: str, error: Exception, said: str = "") -> PoseDeployError:
    """What the user is told of a session that could not be made.

    Args:
        said: what ONNX Runtime said of its CUDA libraries before.
    """
    if "fallback to CPU EP has been explicitly disabled" in str(error):
        return DeviceError(
            f"`device={device}`: ONNX Runtime would run a part of {artifact.path} on the CPU: it has no "
            "code for an operator there, or its CUDA libraries are missing or do not fit ("
            f"{INSTALL_CUDA}); use `device=cpu`{said}"
        )
    if not isinstance(error, DAMAGE) or isinstance(error, native.EPFail):  # CUDA's own
        return DeviceError(f"`device={device}`: ONNX Runtime cannot use it ({first_line(error)}){said}")
    return ArtifactError(f"{artifact.path}: ONNX Runtime cannot load it ({first_line(error)})")
