"""TensorRT's engines: the two flavours that build and run them, and the passport that each travels with."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import msgspec

from posedeploy import plugins
from posedeploy.backends import TARGETS
from posedeploy.errors import ArtifactError, DeviceError, ManifestError, MissingPackageError, PoseDeployError
from posedeploy.text_files import convert
from posedeploy.types import Artifact

SIDECARS = TARGETS["tensorrt"].sidecar_suffixes
MOST_WORKSPACE_MIB = 1 << 24
AHEAD = ("8.0", "8.6", "8.9", "12.0+")
"""What an engine of TensorRT-RTX runs on that was built for no GPU in particular, by NVIDIA's documentation:
Ampere, Ada and Blackwell; ``+`` is "and later". https://docs.nvidia.com/deeplearning/tensorrt-rtx/"""


@dataclass(frozen=True)
class Flavour:
    """One of the two libraries. They share an API and no engine.

    ahead: it builds without a GPU, for those that are named, and its engines go to any operating system.
    times: it times layers on the GPU while it builds, which a timing cache remembers.
    magic: how the bytes of its engines begin.
    """

    name: str
    module: str
    ahead: bool
    times: bool
    magic: bytes


FLAVOURS = {
    flavour.name: flavour
    for flavour in (
        Flavour("tensorrt", "tensorrt", ahead=False, times=True, magic=b"ftrt"),
        Flavour("tensorrt-rtx", "tensorrt_rtx", ahead=True, times=False, magic=b"vtrt"),
    )
}


@dataclass(frozen=True)
class Shapes:
    """The range of a dynamic input's shape, and the one in it that the engine is tuned for."""

    smallest: tuple[int, ...]
    usual: tuple[int, ...]
    largest: tuple[int, ...]


@dataclass(frozen=True)
class Passport:
    """What an engine was built with and for: ``Artifact.details`` of the target ``tensorrt``.

    compute_capabilities: of the GPUs that it runs on; one that ends in ``+`` and all later ones. system:
    where it was built, such as ``Linux-x86_64``. gpu: the one that it was timed on. onnx: the name of the
    kept graph that it was built from, beside it. profile: the range of each dynamic input. wrapped: the name
    of the file for another loader that was written too.
    """

    flavour: str
    version: str
    compute_capabilities: tuple[str, ...]
    system: str
    precision: str
    onnx: str
    onnx_sha256: str
    gpu: str | None = None
    profile: Mapping[str, Shapes] = field(default_factory=dict)
    workspace_mib: Annotated[int, msgspec.Meta(ge=1, le=MOST_WORKSPACE_MIB)] | None = None
    wrapped: str | None = None

    def covers(self, capability: str) -> bool:
        """Whether it was built for GPUs of this compute capability."""
        return any(
            capability == built or (built.endswith("+") and _number(capability) >= _number(built[:-1]))
            for built in self.compute_capabilities
        )

    def of(self) -> str:
        """The library that built it, with its version."""
        return f"{self.flavour} {self.version}"


def passport_of(artifact: Artifact) -> Passport | None:
    """The passport of an engine; None for one made by others.

    Raises:
        ManifestError: what the manifest has in its place is no passport.
    """
    if artifact.provenance is None and not artifact.details:
        return None
    try:
        passport = convert(artifact.details, Passport)
        for name in (passport.onnx, passport.wrapped):
            if name is not None and (name != Path(name).name or not name.endswith(SIDECARS)):
                raise msgspec.ValidationError(f"{name!r} is not a sidecar file of an engine")
    except msgspec.ValidationError as error:
        raise ManifestError(
            f"{artifact.path}: its manifest's details are no engine's passport ({error}); export it again"
        ) from error
    return passport


def check_build(artifact: Artifact, passport: Passport) -> tuple[Flavour, ModuleType]:
    """The library to hand an engine to, once the passport says that it is the one that built it.

    Raises:
        ArtifactError: the engine is of another flavour, version or kind of machine than is here.
        MissingPackageError: its library is not installed.
    """
    flavour = FLAVOURS.get(passport.flavour)
    if flavour is None:
        raise ArtifactError(
            f"{artifact.path}: built with {passport.of()}, and known are {', '.join(FLAVOURS)}; "
            f"{_rebuild(artifact)} --flavour tensorrt-rtx"
        )
    api = plugins.module(flavour.module)
    if _release(api.__version__) != _release(passport.version):
        raise ArtifactError(
            f"{artifact.path}: built with {passport.of()}, and {flavour.name} {api.__version__} is "
            f"installed, which does not read it; {_rebuild(artifact)}"
        )
    if not flavour.ahead and passport.system != this_system():
        raise ArtifactError(
            f"{artifact.path}: built on {passport.system}, and this is {this_system()}, which does not run "
            f"it; {_rebuild(artifact)}"
        )
    return flavour, api


def check_gpu(
    artifact: Artifact, passport: Passport, library: tuple[Flavour, ModuleType], name: str, capability: str
) -> None:
    """Refuse an engine that was not built for this GPU.

    Args:
        library: the one that built it, as ``check_build`` gives it.

    Raises:
        ArtifactError: as said.
        DeviceError: neither was it, nor can its library build one that is.
    """
    if not passport.covers(capability):
        flavour, api = library
        if flavour.ahead and capability not in capabilities(api):
            raise DeviceError(
                f"{artifact.path}: {name} has compute capability {capability}, for which {flavour.name} "
                f"{api.__version__} builds nothing; build it with the other: posedeploy engine rebuild "
                f"{artifact.path} --flavour tensorrt"
            )
        gpu = f" --gpu sm{capability.replace('.', '')}" if flavour.ahead else ""
        raise ArtifactError(
            f"{artifact.path}: built for compute capability {', '.join(passport.compute_capabilities)}, and "
            f"{name} has {capability}; {_rebuild(artifact)}{gpu}"
        )


def _rebuild(artifact: Artifact) -> str:
    return f"build it anew from its kept ONNX: posedeploy engine rebuild {artifact.path}"


def choose(name: str | None, gpus: Sequence[str] = ()) -> tuple[Flavour, ModuleType]:
    """The flavour asked for, or else the only one that can be meant, and its module.

    Raises:
        DeviceError: there is no such flavour, it does not build for the GPUs named, or both could be meant.
        MissingPackageError: it is not installed.
    """
    if name is None:
        name = _meant(gpus)
    if name not in FLAVOURS:
        raise DeviceError(f"--flavour {name}: wanted {' or '.join(FLAVOURS)}")
    flavour = FLAVOURS[name]
    if gpus and not flavour.ahead:
        raise DeviceError(
            f"--gpu {','.join(gpus)}: {flavour.name} builds for the GPU of this machine only; leave the "
            "option out, or take --flavour tensorrt-rtx"
        )
    api = plugins.module(flavour.module)
    for gpu in gpus:
        if gpu not in capabilities(api):
            known = (f"sm{name.replace('.', '')}" for name in capabilities(api))
            raise DeviceError(
                f"--gpu sm{gpu.replace('.', '')}: {flavour.name} {api.__version__} builds for "
                + ", ".join(known)
            )
    return flavour, api


def capabilities(api: ModuleType) -> dict[str, Any]:
    """What a flavour that needs no GPU can build for: its own member, by the name as ``8.6``."""
    members = api.ComputeCapability.__members__
    return {f"{name[2:-1]}.{name[-1]}": member for name, member in members.items() if name.startswith("SM")}


def _meant(gpus: Sequence[str]) -> str:
    able = [flavour for flavour in FLAVOURS.values() if flavour.ahead or not gpus]
    installed = [flavour.name for flavour in able if plugins.version_of(flavour.module) is not None]
    if len(installed) > 1:
        raise DeviceError(f"{' and '.join(installed)} are both installed; say which with --flavour")
    if not installed:
        raise MissingPackageError(
            f"this needs {' or '.join(flavour.name for flavour in able)}, and none is installed; install it "
            "with: pip install 'posedeploy[tensorrt-rtx]'"
            + ("" if gpus else ", or 'posedeploy[tensorrt]' where there is a GPU to build on")
        )
    return installed[0]


def this_system() -> str:
    """The operating system and processor, as a passport has them."""
    return f"{platform.system()}-{platform.machine()}"


def listener(api: ModuleType) -> Any:
    """A logger of this flavour that keeps what is wrong, and says nothing: its list is ``errors``."""

    class Listener(api.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            api.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= api.ILogger.Severity.ERROR:
                self.errors.append(" ".join(message.split()))

    return Listener()


def reason(errors: Sequence[str]) -> str:
    """The first thing that went wrong, which the others follow from."""
    return errors[0] if errors else "it does not say why"


def without_gpu(refusal: PoseDeployError) -> DeviceError:
    """What building with a flavour that needs a GPU is told where there is none."""
    return DeviceError(f"{refusal}; without one, build with --flavour tensorrt-rtx")


def _release(version: str) -> str:
    """The part of a version that engines hang on: the first three numbers."""
    return ".".join(version.split(".")[:3])


def _number(capability: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in capability.split("."))


def details(passport: Passport) -> dict[str, Any]:
    """The passport as the manifest has it, and gives it back."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(passport))
    return document
