"""The table of targets and runtimes: converters, runners, file names and packages.

A new runtime is one row here, one function in ``convert/``, one class in ``runtimes/`` and one extra.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from posedeploy.errors import ArtifactError, ExportError
from posedeploy.types import Artifact


@dataclass(frozen=True)
class Target:
    """A format that a network can be exported to.

    suffix: the suffix of the model file. extra_suffixes: those of the files that the model file needs.
    converter: the function. runtimes: the runtimes that run it, the default first. packages: the packages
    that every conversion needs; its ``Conversion`` may name others. is_default: ``export`` without a target
    exports the sample to it. source_suffix: that of the file from which the model file can be rebuilt, and
    which no runtime runs. sidecar_suffixes: those of all files next to the model file that it does not need;
    an export removes those of the previous export. embeds_manifest: the model file contains its manifest.
    precisions: the precisions of exports. free_precisions: those that determine only the weights, so that the
    runtime chooses the precision of its arithmetic. arithmetic: the precision that the float layers of the
    others need, if it has another name.
    """

    name: str
    suffix: str
    extra_suffixes: tuple[str, ...]
    converter: str
    runtimes: tuple[str, ...]
    packages: tuple[str, ...]
    is_default: bool = True
    source_suffix: str | None = None
    sidecar_suffixes: tuple[str, ...] = ()
    embeds_manifest: bool = False
    precisions: tuple[str, ...] = ("fp32",)
    free_precisions: tuple[str, ...] = ()
    arithmetic: Mapping[str, str] = field(default_factory=dict, hash=False)

    def file_names(self, stem: str) -> tuple[str, ...]:
        """Return the names of a model file and of the files that it needs."""
        return tuple(stem + suffix for suffix in (self.suffix, *self.extra_suffixes))

    def sidecar_names(self, stem: str) -> tuple[str, ...]:
        """Return the names of the sidecar files that an export may write."""
        return tuple(stem + suffix for suffix in self.sidecar_suffixes)


@dataclass(frozen=True)
class Requirements:
    """The needs of one artifact from its runtime. device: the only one that it runs on. extra: the one of
    pyproject.toml that installs the runtime's package for it. None: any."""

    device: str | None = None
    extra: str | None = None


@dataclass(frozen=True)
class Runtime:
    """A runtime: its runner class, the package that it needs and the devices that it accepts.

    requirements: the function that returns the ``Requirements`` of an artifact; None if artifacts have none.
    check_device: the function that raises ``DeviceError`` for a device that this machine lacks; None if only
    loading a model shows that. check_arithmetic: the same for a device that lacks a precision.
    casts_constants: whether all constants of a network in a reduced precision have it, not only weights of
    layers.
    """

    name: str
    runner: str
    package: str
    devices: tuple[str, ...]
    requirements: str | None = None
    check_device: str | None = None
    check_arithmetic: str | None = None
    casts_constants: bool = False


TARGETS = {
    target.name: target
    for target in (
        Target(
            "torchscript",
            ".torchscript",
            (),
            "posedeploy.convert.torchscript:convert",
            ("torchscript",),
            ("torch",),
            precisions=("fp32", "fp16", "bf16"),
        ),
        Target(
            "onnx",
            ".onnx",
            (),
            "posedeploy.convert.onnx:convert",
            ("onnxruntime", "openvino"),
            ("torch", "onnx", "onnxscript"),
            precisions=("fp32", "fp16", "int8", "mixed"),
        ),
        Target(
            "openvino",
            ".xml",
            (".bin",),
            "posedeploy.convert.openvino:convert",
            ("openvino",),
            ("torch", "onnx", "onnxscript", "openvino"),
            precisions=("fp32", "fp16", "bf16", "int8", "mixed"),
            free_precisions=("fp16", "int8"),
            arithmetic={"mixed": "bf16"},
        ),
        Target(
            "aoti",
            ".pt2",
            (),
            "posedeploy.convert.aoti:convert",
            ("aoti",),
            ("torch",),
            is_default=False,
            precisions=("fp32", "fp16", "bf16"),
        ),
        Target(
            "tensorrt",
            ".engine",
            (),
            "posedeploy.convert.tensorrt:convert",
            ("tensorrt",),
            ("torch", "onnx", "onnxscript"),  # and one of the libraries in tensorrt/libraries.py
            is_default=False,
            source_suffix=".engine.onnx",
            sidecar_suffixes=(".engine.onnx", "-trt.pth"),
            precisions=("fp32", "fp16"),
        ),
        Target(
            "tflite",
            ".tflite",
            (),
            "posedeploy.convert.tflite.convert:convert",
            ("litert",),
            ("torch", "litert_torch", "ai_edge_litert"),
            embeds_manifest=True,
            precisions=("fp32", "fp16", "int8", "mixed"),
            free_precisions=("fp16", "int8", "mixed"),
        ),
    )
}

RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("pytorch", "posedeploy.runtimes.pytorch:PyTorchRunner", "torch", ("cpu", "cuda")),
        Runtime("torchscript", "posedeploy.runtimes.torchscript:TorchScriptRunner", "torch", ("cpu", "cuda")),
        Runtime(
            "aoti",
            "posedeploy.runtimes.aoti:AotiRunner",
            "torch",
            ("cpu", "cuda"),
            "posedeploy.aoti_package.build:requirements_of",
        ),
        Runtime(
            "onnxruntime",
            "posedeploy.runtimes.onnxruntime:OnnxRuntimeRunner",
            "onnxruntime",
            ("cpu", "cuda"),
            casts_constants=True,
        ),
        Runtime(
            "openvino",
            "posedeploy.runtimes.openvino:OpenVinoRunner",
            "openvino",
            ("cpu", "intel-gpu", "npu", "auto"),
            check_device="posedeploy.runtimes.openvino:check_device",
            check_arithmetic="posedeploy.runtimes.openvino:check_arithmetic",
        ),
        Runtime(
            "tensorrt",
            "posedeploy.runtimes.tensorrt:TensorRtRunner",
            "cuda",
            ("cuda",),
            "posedeploy.tensorrt.build_info:requirements_of",
        ),
        Runtime("litert", "posedeploy.runtimes.litert:LiteRtRunner", "ai_edge_litert", ("cpu",)),
    )
}

CHECKPOINT_SUFFIXES = (
    ".pth", ".pt", ".pth.tar", ".safetensors", ".ckpt", ".bin", ".pkl", ".tar", ".tar.gz", ".tgz", ".gz",
    ".zip", ".bz2", ".xz",
)  # fmt: skip
"""Common suffixes of checkpoints, in any case. The content of a file decides what it is, not its name."""


def target_named(name: str) -> Target:
    """Return the row of a target.

    Raises:
        ExportError: no target has this name.
    """
    if name not in TARGETS:
        raise ExportError(f"no target is called {name!r}; available: {', '.join(TARGETS)}")
    return TARGETS[name]


def target_of(path: Path) -> Target:
    """Return the target of a model file, by its suffix.

    Raises:
        ArtifactError: no target has this suffix.
    """
    for target in TARGETS.values():
        if target.source_suffix and path.name.endswith(target.source_suffix):
            raise ArtifactError(
                f"{path}: no runtime runs the source of a {target.suffix} file; pass the {target.suffix} "
                "file, or export to another target"
            )
    for target in TARGETS.values():
        if path.name.endswith(target.suffix):
            return target
    suffixes = ", ".join(target.suffix for target in TARGETS.values())
    raise ArtifactError(f"{path}: not the name of a model file; expected a name that ends in {suffixes}")


def is_model(path: Path) -> bool:
    """Return whether a path has the name of a model file."""
    sources = tuple(target.source_suffix for target in TARGETS.values() if target.source_suffix)
    suffixes = tuple(target.suffix for target in TARGETS.values())
    return path.name.endswith(suffixes) and not path.name.endswith(sources)


def is_named_like_model(path: Path) -> bool:
    """Return whether a path has the name of a model file or of its source."""
    return path.name.endswith(tuple(target.suffix for target in TARGETS.values()))


def runtime_for(target: Target, name: str | None = None) -> Runtime:
    """Return the named runtime, or the default one of the target.

    Raises:
        ArtifactError: the runtime does not exist or does not run this target.
    """
    name = name or target.runtimes[0]
    if name not in target.runtimes:
        raise ArtifactError(
            f"the runtime {name!r} does not run {target.suffix} files; {target.name} runs on "
            + " or ".join(target.runtimes)
        )
    return RUNTIMES[name]


def bytes_of(artifact: Artifact) -> int:
    """Return the size of a model file and of the files that it needs, by its manifest or else its target's
    suffixes."""
    suffixes = target_named(artifact.target).extra_suffixes
    extra = (artifact.path.with_suffix(suffix) for suffix in suffixes)
    names = artifact.files or [path.name for path in extra if path.is_file()]
    return sum(artifact.path.with_name(name).stat().st_size for name in {artifact.path.name, *names})
