"""The options of a bundle, and the files of each target on each server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from posedeploy import plugins
from posedeploy.argument_types import check_fields
from posedeploy.backends import Requirements, Runtime, runtime_for, target_named
from posedeploy.devices import normalize_device
from posedeploy.errors import DeviceError, ExportError, InputError
from posedeploy.types import Artifact

ServerName: TypeAlias = Literal["triton", "ovms", "kserve"]
"""The servers that a bundle can be written for."""
DEVICES: Mapping[ServerName, Mapping[str, str]] = {
    "triton": {"cpu": "KIND_CPU", "cuda": "KIND_GPU"},
    "kserve": {"cpu": "KIND_CPU", "cuda": "KIND_GPU"},
    "ovms": {"cpu": "CPU", "intel-gpu": "GPU", "npu": "NPU", "auto": "AUTO"},
}
"""The devices of each server, and its names for them."""
VERSION = "1"
"""The folder of the only version of each model."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_KUBERNETES_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


@check_fields
@dataclass(frozen=True, kw_only=True)
class BundleOptions:
    """The options of a bundle.

    name: of the model on the server; None for that of the file. device: that runs the network; None means
    ``cuda`` for an artifact that was compiled for it, else ``cpu``. instances: the number of copies of the
    network that run at the same time. max_batch: the largest batch that Triton forms from requests, if the
    batch is a dynamic axis; 0 switches dynamic batching off.
    python_backend: Triton runs the network with posedeploy instead of its own backend. poses: add the model
    that takes images and returns poses; None adds it for Triton, if poses can be decoded. storage_uri: the
    location of the model repository for KServe, such as ``s3://bucket/human``.
    """

    name: str | None = None
    device: str | None = None
    instances: int = 1
    max_batch: int = 8
    python_backend: bool = False
    poses: bool | None = None
    storage_uri: str | None = None

    def __post_init__(self) -> None:
        if self.instances < 1:
            raise InputError(f"`instances={self.instances}`: expected at least 1")
        if self.max_batch < 0:
            raise InputError(f"`max_batch={self.max_batch}`: expected at least 0")


@dataclass(frozen=True)
class Backend:
    """How Triton runs a target. files: the name of each file, by its suffix. platform: '' for none."""

    name: str
    platform: str
    files: Mapping[str, str]


TRITON = {
    "onnx": Backend("onnxruntime", "onnxruntime_onnx", {".onnx": "model.onnx"}),
    "openvino": Backend("openvino", "", {".xml": "model.xml", ".bin": "model.bin"}),
    "tensorrt": Backend("tensorrt", "tensorrt_plan", {".engine": "model.plan"}),
    "torchscript": Backend("pytorch", "pytorch_libtorch", {".torchscript": "model.pt"}),
}
"""The targets that Triton runs itself."""
OVMS = ("openvino", "onnx", "tflite")
"""The targets that OpenVINO Model Server runs."""


def device_of(artifact: Artifact, options: BundleOptions, server: ServerName) -> str:
    """Return the server's name for the device that runs the network.

    Raises:
        DeviceError: the server does not have the device.
    """
    runtime = runtime_for(target_named(artifact.target))
    compiled = _requirements(artifact, runtime).device or runtime.devices[0]
    device = normalize_device(options.device or compiled)
    if device not in DEVICES[server]:
        raise DeviceError(
            f"`device={device}`: not a device of {server}; expected {', '.join(DEVICES[server])}"
        )
    return DEVICES[server][device]


def _requirements(artifact: Artifact, runtime: Runtime) -> Requirements:
    if runtime.requirements is None:
        return Requirements()
    requirements: Requirements = plugins.load(runtime.requirements)(artifact)
    return requirements


def triton_backend(artifact: Artifact) -> Backend:
    """Return the backend of Triton for an artifact.

    Raises:
        ExportError: Triton has none for its target.
    """
    backend = TRITON.get(artifact.target)
    if backend is None:
        raise ExportError(
            f"{artifact.path}: Triton has no backend for the target {artifact.target}; export to "
            f"{', '.join(TRITON)}, or pass `python_backend`, which runs it with posedeploy on the server"
        )
    if _requirements(artifact, runtime_for(target_named(artifact.target))).extra == "tensorrt-rtx":
        raise ExportError(
            f"{artifact.path}: an engine of tensorrt-rtx, which Triton does not run; export with "
            "`trt_library=tensorrt`, or pass `python_backend`"
        )
    return backend


def check_ovms_target(artifact: Artifact) -> None:
    """Check that OpenVINO Model Server runs an artifact.

    Raises:
        ExportError: it does not.
    """
    if artifact.target not in OVMS:
        raise ExportError(
            f"{artifact.path}: OpenVINO Model Server does not run the target {artifact.target}; export to "
            f"{', '.join(OVMS)}"
        )


def model_name(artifact: Artifact, options: BundleOptions, server: ServerName) -> str:
    """Return the name of the model on the server.

    Raises:
        InputError: the server does not accept the name.
    """
    name = artifact.path.stem if options.name is None else options.name
    pattern, allowed = (
        (_KUBERNETES_NAME, "lowercase letters, digits and '-' that starts with a letter")
        if server == "kserve"
        else (_NAME, "ASCII letters, digits, '_', '-' and '.' that starts with a letter or digit")
    )
    if not pattern.fullmatch(name):
        raise InputError(f"`name={name}`: not a model name for {server}; pass a name of {allowed}")
    return name
