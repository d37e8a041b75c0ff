"""ONNX Runtime."""

from __future__ import annotations

import io
import re
import warnings
from contextlib import redirect_stdout

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from posedeploy.errors import ArtifactError, DeviceError, PoseDeployError, first_line
from posedeploy.runtimes.base import Runner, threads_asked
from posedeploy.types import Artifact, Effective, RunOptions, Tensors, TensorSpec

PROVIDERS = {"CPU": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
SETTINGS = {"CUDAExecutionProvider": {"use_tf32": "0"}}
"""What a provider must be told to compute a float32 graph in float32."""
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
"""What a run raises of CUDA, such as that its memory is full; on the CPU it would be a bug."""
INSTALL_CUDA = "pip install 'onnxruntime-gpu[cuda,cudnn]' in the place of onnxruntime"


class OnnxRuntimeRunner(Runner):
    """Runs a ``.onnx`` file on one execution provider, and on no other."""

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        threads = threads_asked(options, "ONNX Runtime")
        said = preload() if options.device == "cuda" else ""
        provider = _provider(options)
        settings = onnxruntime.SessionOptions()
        if threads is not None:
            settings.intra_op_num_threads = threads
        else:  # a node that the provider does not have is an error then, and not run on the CPU in silence
            settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        settings.log_severity_level = 3  # its warnings go to the terminal; what matters is checked below
        try:
            self._session = onnxruntime.InferenceSession(
                str(artifact.path),
                settings,
                providers=[(provider, SETTINGS.get(provider, {}))],
                enable_fallback=0,  # what fails on the GPU would go to the CPU in silence, a run too
            )
        except DAMAGE as error:
            raise refusal(artifact, options.device, error, said) from error
        except RuntimeError as error:
            if options.device == "CPU" or type(error) is not RuntimeError:
                raise  # a bug
            raise refusal(artifact, options.device, error, said) from error
        if self._session.get_providers()[0] != provider:
            raise DeviceError(
                f"device {options.device}: {provider} was asked for and ONNX Runtime fell back to "
                f"{self._session.get_providers()[0]}; its CUDA libraries are missing or do not fit{said}"
            )
        self.inputs = tuple(_spec(argument) for argument in self._session.get_inputs())
        self.outputs = tuple(_spec(argument) for argument in self._session.get_outputs())
        self._names = [spec.name for spec in self.outputs]
        self.effective = Effective(
            "onnxruntime",
            onnxruntime.__version__,
            options.device,
            # ONNX Runtime does not show the types inside a graph; what is known of them is in the manifest.
            "as in the file" if artifact.precision == "unknown" else artifact.precision,
            threads and self._session.get_session_options().intra_op_num_threads,
            {"provider": provider, "hint": options.hint},
        )

    def run(self, tensors: Tensors) -> Tensors:
        self.check(tensors)
        try:
            return dict(zip(self._names, self._session.run(self._names, tensors), strict=True))
        except OF_THE_GPU as error:
            if self.effective.device == "CPU":
                raise
            raise DeviceError(
                f"device {self.effective.device}: ONNX Runtime failed there ({first_line(error)})"
            ) from error

    def close(self) -> None:
        self._session = None


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
    if options.precision not in ("fp32", "auto"):
        raise DeviceError(f"precision {options.precision}: ONNX Runtime runs a float32 graph in fp32 only")
    provider = PROVIDERS.get(options.device, options.device)
    available = onnxruntime.get_available_providers()
    if options.device not in PROVIDERS or provider not in available:
        offered = [device for device, name in PROVIDERS.items() if name in available]
        raise DeviceError(
            f"device {options.device!r}: ONNX Runtime offers {', '.join(offered)} here"
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
            f"device {device}: ONNX Runtime would run a part of {artifact.path} on the CPU: it has no "
            "code for an operator there, or its CUDA libraries are missing or do not fit ("
            f"{INSTALL_CUDA} brings them); use --device CPU{said}"
        )
    if not isinstance(error, DAMAGE) or isinstance(error, native.EPFail):  # CUDA's own
        return DeviceError(f"device {device}: ONNX Runtime cannot use it ({first_line(error)}){said}")
    return ArtifactError(f"{artifact.path}: ONNX Runtime cannot load it ({first_line(error)})")
