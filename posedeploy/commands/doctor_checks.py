"""Targets and runtimes tried for real, on a network of one convolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from posedeploy import plugins
from posedeploy.api.open_models import pytorch_runner
from posedeploy.backends import TARGETS, Runtime, Target
from posedeploy.commands.doctor_packages import copyable, install, missing
from posedeploy.convert.export_options import AotiOptions, ExportOptions
from posedeploy.errors import DeviceError, MissingPackageError, PoseDeployError, first_line
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import devices_of, open_runner
from posedeploy.tensorrt.libraries import LIBRARIES
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, Model, RunOptions

State: TypeAlias = Literal["works", "untried", "missing", "broken"]
FindingKind: TypeAlias = Literal[
    "target", "runtime", "library", "device", "environment", "scoring", "window", "video"
]
BROKEN = (PoseDeployError, ImportError, OSError, RuntimeError, TypeError)
"""What an installed package raises that does not work: its own errors, or those of the libraries it wants
(pybind11 has a TypeError where one gives nothing)."""


@dataclass(frozen=True)
class CheckResult:
    """One target or runtime: ``works`` (and on which devices), ``untried``, ``missing`` (and the command
    that installs it) or ``broken`` (and why)."""

    kind: FindingKind
    name: str
    state: State
    detail: str


def try_target(target: Target, model: Model | None, folder: Path) -> tuple[list[CheckResult], list[Artifact]]:
    """Export a model to a target in every way that this machine has; what was found, and what was made."""
    lacking = missing(*target.packages)
    if lacking or model is None:
        return [CheckResult("target", target.name, "missing", install(lacking))], []
    findings, made = [], []
    for flags, options in WAYS.get(target.name, _one_way)().items():
        name = f"{target.name} {flags}".rstrip()
        try:
            export = plugins.load("posedeploy.convert.export:export")
            made += export(model, [target.name], folder / name, "probe", options)
        except MissingPackageError as error:
            findings.append(CheckResult("target", name, "missing", copyable(error)))
        except DeviceError as error:
            findings.append(CheckResult("target", name, "untried", first_line(error)))
        except BROKEN as error:
            findings.append(CheckResult("target", name, "broken", first_line(error)))
        else:
            findings.append(CheckResult("target", name, "works", ""))
    return findings, made


def _one_way() -> Mapping[str, ExportOptions]:
    return {"": ExportOptions()}


def _libraries() -> Mapping[str, ExportOptions]:
    installed = [library.name for library in LIBRARIES.values() if not missing(library.module)]
    if len(installed) < 2:
        return _one_way()
    options = {name: TensorRtOptions(library=name) for name in installed}
    return {f"--trt-library {name}": ExportOptions(tensorrt=each) for name, each in options.items()}


def _devices() -> Mapping[str, ExportOptions]:
    if not plugins.module("torch").cuda.is_available():
        return _one_way()
    return {**_one_way(), "--device cuda": ExportOptions(aoti=AotiOptions("cuda"))}


WAYS: Mapping[str, Callable[[], Mapping[str, ExportOptions]]] = {"tensorrt": _libraries, "aoti": _devices}
"""The options to try a target with, by the flags that ask for them, where it has more than the usual ones."""


def try_runtime(runtime: Runtime, model: Model | None, artifacts: list[Artifact]) -> CheckResult:
    """Run what was made for a runtime, on each of its devices; for PyTorch the model itself."""
    lacking = missing(runtime.package)
    if lacking:
        return CheckResult("runtime", runtime.name, "missing", install(lacking))
    usable = [artifact for artifact in artifacts if runtime.name in TARGETS[artifact.target].runtimes]
    if model is None or not (usable or runtime.name == "pytorch"):
        return CheckResult(
            "runtime", runtime.name, "untried", "no target works, so there is nothing to try it on"
        )
    tried: list[Artifact | None] = [*usable] or [None]
    devices: list[str] = []
    refusals: list[str] = []
    try:
        for artifact in tried:
            on, refused = _run_on_each(runtime, model, artifact)
            devices += [device for device in on if device not in devices]
            refusals += [] if on else [refused]
    except BROKEN as error:
        return CheckResult("runtime", runtime.name, "broken", first_line(error))
    if not devices:  # without the CPU among its devices, that this machine has none of them is no fault
        state: State = "broken" if "cpu" in runtime.devices else "untried"
        return CheckResult("runtime", runtime.name, state, refusals[0])
    return CheckResult("runtime", runtime.name, "works", "; ".join([f"on {', '.join(devices)}", *refusals]))


def _run_on_each(runtime: Runtime, model: Model, artifact: Artifact | None) -> tuple[list[str], str]:
    """The devices that an artifact, or else the model, runs on, and what the first other one said."""
    devices, refused = [], ""
    for device in devices_of(artifact, runtime.name) if artifact else runtime.devices:
        options = RunOptions(device=device, precision="auto")
        try:
            opened = (
                open_runner(artifact, options, runtime.name) if artifact else pytorch_runner(model, options)
            )
            with opened as runner:
                _run(runner)
            devices.append(device)
        except DeviceError as error:
            refused = refused or first_line(error)
    return devices, refused


def _run(runner: Runner) -> None:
    inputs: dict[str, Any] = {spec.name: np.ones(spec.shape, spec.dtype) for spec in runner.inputs}
    (result,) = runner.run(inputs).values()
    if not np.allclose(result, 27.0):
        raise PoseDeployError(f"it gives {result.ravel()[0]:g} where 27 is right")
