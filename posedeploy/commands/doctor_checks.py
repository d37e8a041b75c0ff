"""Tests of targets and runtimes, on a network of one convolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from posedeploy import plugins
from posedeploy.api.open_models import open_pytorch_runner
from posedeploy.backends import TARGETS, Runtime, Target
from posedeploy.commands.doctor_packages import explain_missing, format_error, list_missing
from posedeploy.convert.export_options import AotiOptions, ExportOptions
from posedeploy.errors import DeviceError, MissingPackageError, PoseDeployError, first_line
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import devices_of, open_artifact, open_runner
from posedeploy.tensorrt.libraries import LIBRARIES
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, Model, RunOptions

State: TypeAlias = Literal["works", "untested", "missing", "broken"]
CheckKind: TypeAlias = Literal[
    "target", "runtime", "library", "device", "environment", "scoring", "window", "video"
]
PROBE = Path(__file__).with_name("probe.onnx")
"""The network of ``checkpoints/probe_network.py`` as an ONNX file."""
BROKEN = (PoseDeployError, ImportError, OSError, RuntimeError, TypeError)
"""Exceptions of packages that are installed but do not work; pybind11 may raise a TypeError."""


@dataclass(frozen=True)
class CheckResult:
    """The state of one component.

    detail: its devices if it works, the command that installs it if it is missing, or the error.
    """

    kind: CheckKind
    name: str
    state: State
    detail: str


def try_target(target: Target, model: Model | None, folder: Path) -> tuple[list[CheckResult], list[Artifact]]:
    """Export a model to a target with each set of options, and return the results and the artifacts."""
    lacking = list_missing(*target.packages)
    if lacking or model is None:
        return [CheckResult("target", target.name, "missing", explain_missing(lacking))], []
    checks: list[CheckResult] = []
    artifacts: list[Artifact] = []
    for flags, options in OPTION_SETS.get(target.name, _default_options)().items():
        name = f"{target.name} {flags}".rstrip()
        try:
            export = plugins.load("posedeploy.convert.export:export")
            artifacts += export(model, [target.name], folder / name, "probe", options)
        except MissingPackageError as error:
            checks.append(CheckResult("target", name, "missing", format_error(error)))
        except DeviceError as error:
            checks.append(CheckResult("target", name, "untested", first_line(error)))
        except BROKEN as error:
            checks.append(CheckResult("target", name, "broken", first_line(error)))
        else:
            checks.append(CheckResult("target", name, "works", ""))
    return checks, artifacts


def _default_options() -> Mapping[str, ExportOptions]:
    return {"": ExportOptions()}


def _tensorrt_options() -> Mapping[str, ExportOptions]:
    installed = [library.name for library in LIBRARIES.values() if not list_missing(library.module)]
    if len(installed) < 2:
        return _default_options()
    options = {name: TensorRtOptions(library=name) for name in installed}
    return {f"--trt-library {name}": ExportOptions(tensorrt=each) for name, each in options.items()}


def _aoti_options() -> Mapping[str, ExportOptions]:
    if not plugins.module("torch").cuda.is_available():
        return _default_options()
    return {**_default_options(), "--device cuda": ExportOptions(aoti=AotiOptions("cuda"))}


OPTION_SETS: Mapping[str, Callable[[], Mapping[str, ExportOptions]]] = {
    "tensorrt": _tensorrt_options,
    "aoti": _aoti_options,
}
"""The options with which a target is tested, by their flags, if the defaults are not enough."""


def try_runtime(runtime: Runtime, model: Model | None, artifacts: list[Artifact]) -> CheckResult:
    """Run the artifacts of a runtime (for PyTorch, the model itself) on each of its devices.

    Without an artifact, such as where torch is not installed, runtimes of ONNX files run ``PROBE``.
    """
    lacking = list_missing(runtime.package)
    if lacking:
        return CheckResult("runtime", runtime.name, "missing", explain_missing(lacking))
    usable = [artifact for artifact in artifacts if runtime.name in TARGETS[artifact.target].runtimes]
    if not usable and runtime.name in TARGETS["onnx"].runtimes:
        usable = [open_artifact(PROBE)]
    if not usable and (model is None or runtime.name != "pytorch"):
        return CheckResult("runtime", runtime.name, "untested", "no target works, so there is no file to run")
    inputs: list[Artifact | None] = [*usable] or [None]
    devices: list[str] = []
    errors: list[str] = []
    try:
        for artifact in inputs:
            working, message = _run_on_each(runtime, model, artifact)
            devices += [device for device in working if device not in devices]
            errors += [] if working else [message]
    except BROKEN as error:
        return CheckResult("runtime", runtime.name, "broken", first_line(error))
    if not devices:  # a runtime without a CPU device cannot be tested on a machine without its devices
        state: State = "broken" if "cpu" in runtime.devices else "untested"
        return CheckResult("runtime", runtime.name, state, errors[0])
    return CheckResult("runtime", runtime.name, "works", "; ".join([f"on {', '.join(devices)}", *errors]))


def _run_on_each(runtime: Runtime, model: Model | None, artifact: Artifact | None) -> tuple[list[str], str]:
    """Return the devices on which an artifact (None: the model) runs, and the error of the first other."""
    devices, message = [], ""
    for device in devices_of(artifact, runtime.name) if artifact else runtime.devices:
        options = RunOptions(device=device, precision="auto")
        try:
            with _open(runtime, model, artifact, options) as runner:
                _run(runner)
            devices.append(device)
        except DeviceError as error:
            message = message or first_line(error)
    return devices, message


def _open(runtime: Runtime, model: Model | None, artifact: Artifact | None, options: RunOptions) -> Runner:
    if artifact is not None:
        return open_runner(artifact, options, runtime.name)
    assert model is not None, "PyTorch is installed"
    return open_pytorch_runner(model, options)


def _run(runner: Runner) -> None:
    inputs: dict[str, Any] = {spec.name: np.ones(spec.shape, spec.dtype) for spec in runner.inputs}
    (result,) = runner.run(inputs).values()
    if not np.allclose(result, 27.0):
        raise PoseDeployError(f"wrong output: {result.ravel()[0]:g}, expected 27")
