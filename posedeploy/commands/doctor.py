"""``posedeploy doctor``: every target and runtime tried for real, on a network of one convolution."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from rich.markup import escape

from posedeploy import plugins
from posedeploy.backends import RUNTIMES, TARGETS, Runtime, Target
from posedeploy.commands.console import out, show, working, write_json
from posedeploy.commands.opening import pytorch_runner
from posedeploy.commands.tables import table
from posedeploy.commands.toolchain import said_of
from posedeploy.engines import FLAVOURS, Flavour
from posedeploy.errors import DeviceError, MissingPackageError, PoseDeployError, first_line
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.opening import open_runner
from posedeploy.toolchains.child import ask
from posedeploy.toolchains.state import look
from posedeploy.toolchains.table import TOOLCHAINS, Toolchain
from posedeploy.types import Artifact, Model, RunOptions

State: TypeAlias = Literal["works", "untried", "missing", "broken"]
BROKEN = (PoseDeployError, ImportError, OSError, RuntimeError, TypeError)
"""What an installed package raises that does not work: its own errors, or those of the libraries it wants
(pybind11 has a TypeError where one gives nothing)."""
START_LIMIT_S = 300.0
"""How long a toolchain may take to start."""


@dataclass(frozen=True)
class Finding:
    """One target or runtime: ``works`` (and on which devices), ``untried``, ``missing`` (and the command
    that installs it) or ``broken`` (and why)."""

    kind: Literal["target", "runtime", "flavour", "device", "toolchain", "scoring", "window"]
    name: str
    state: State
    detail: str


def run(json: Path | None) -> bool:
    """Show what works here; whether everything that is installed does."""
    with working("trying every target and runtime"), tempfile.TemporaryDirectory() as folder:
        findings = _findings(Path(folder))
    found = table("What works here", ["", "name", "state", ""])
    colours = {"works": "green", "untried": "yellow", "missing": "yellow", "broken": "red"}
    for finding in findings:
        state = f"[{colours[finding.state]}]{finding.state}[/]"
        found.add_row(finding.kind, finding.name, state, escape(finding.detail))
    versions = _versions()
    show(found)
    out.print(", ".join(f"{name} {number}" for name, number in versions.items()), style="dim")
    if json is not None:
        document = {"format": "posedeploy.doctor", "version": 1, "packages": versions}
        write_json(json, document | {"findings": [asdict(finding) for finding in findings]})
    return all(finding.state != "broken" for finding in findings)


def _findings(folder: Path) -> list[Finding]:
    findings = []
    artifacts: dict[str, Artifact] = {}
    model = None if _missing(("torch",)) else plugins.load("posedeploy.checkpoints.probe:probe")()
    for target in TARGETS.values():
        finding, artifact = _try_target(target, model, folder)
        findings.append(finding)
        if artifact is not None:
            artifacts[target.name] = artifact
    findings += [_try_runtime(runtime, model, artifacts) for runtime in RUNTIMES.values()]
    findings += [_flavour(flavour) for flavour in FLAVOURS.values()]
    findings += [_toolchain(toolchain, folder) for toolchain in TOOLCHAINS.values()]
    findings += [_cuda(), _evaluation(), _window()]
    return findings


def _missing(packages: tuple[str, ...]) -> list[str]:
    return [package for package in packages if package not in _versions()]


def _install(packages: list[str]) -> str:
    extras = dict.fromkeys(plugins.EXTRA_OF_PACKAGE[package] for package in packages)
    brought = set().union(*(plugins.WITHIN.get(extra, set()) for extra in extras))
    wanted = ",".join(extra for extra in extras if extra not in brought)
    return f"{', '.join(packages)} not installed:\npip install 'posedeploy[{wanted}]'"


@cache
def _versions() -> dict[str, str]:
    """The optional packages that are installed here."""
    found = {package: plugins.version_of(package) for package in plugins.EXTRA_OF_PACKAGE}
    return {package: version for package, version in found.items() if version is not None}


def _try_target(target: Target, model: Model | None, folder: Path) -> tuple[Finding, Artifact | None]:
    missing = _missing(target.packages)
    if missing or model is None:
        return Finding("target", target.name, "missing", _install(missing)), None
    export = plugins.load("posedeploy.convert.export:export")
    try:
        (artifact,) = export(model, [target.name], folder, "probe")
    except MissingPackageError as error:
        return Finding("target", target.name, "missing", _copyable(error)), None
    except DeviceError as error:
        return Finding("target", target.name, "untried", first_line(error)), None
    except BROKEN as error:
        return Finding("target", target.name, "broken", first_line(error)), None
    return Finding("target", target.name, "works", ""), artifact


def _try_runtime(runtime: Runtime, model: Model | None, artifacts: dict[str, Artifact]) -> Finding:
    missing = _missing((runtime.package,))
    if missing:
        return Finding("runtime", runtime.name, "missing", _install(missing))
    usable = [artifact for name, artifact in artifacts.items() if runtime.name in TARGETS[name].runtimes]
    if model is None or not (usable or runtime.name == "pytorch"):
        return Finding(
            "runtime", runtime.name, "untried", "no target works, so there is nothing to try it on"
        )
    devices, refused = [], ""
    for device in runtime.devices:
        try:
            options = RunOptions(device=device, precision="auto")
            runner = (
                pytorch_runner(model, options)
                if not usable
                else open_runner(usable[-1], options, runtime.name)
            )
            with runner:
                _run(runner)
            devices.append(device)
        except DeviceError as error:
            refused = refused or first_line(error)
        except BROKEN as error:
            return Finding("runtime", runtime.name, "broken", first_line(error))
    if not devices:  # without the CPU among its devices, that this machine has none of them is no fault
        state: State = "broken" if "CPU" in runtime.devices else "untried"
        return Finding("runtime", runtime.name, state, refused)
    return Finding("runtime", runtime.name, "works", f"on {', '.join(devices)}")


def _run(runner: Runner) -> None:
    inputs: dict[str, Any] = {spec.name: np.ones(spec.shape, spec.dtype) for spec in runner.inputs}
    (result,) = runner.run(inputs).values()
    if not np.allclose(result, 27.0):
        raise PoseDeployError(f"it gives {result.ravel()[0]:g} where 27 is right")


def _copyable(error: MissingPackageError) -> str:
    """The message, its command on a line of its own."""
    return str(error).replace("; install it with: ", ":\n")


def _flavour(flavour: Flavour) -> Finding:
    """One of the two libraries that build and run engines; the target's row tries it."""
    if _missing((flavour.module,)):
        return Finding("flavour", flavour.name, "missing", _install([flavour.module]))
    try:
        version = plugins.module(flavour.module).__version__
    except BROKEN as error:
        return Finding("flavour", flavour.name, "broken", first_line(error))
    about = "builds without a GPU" if flavour.ahead else "builds on the GPU"
    return Finding("flavour", flavour.name, "works", f"{version}, {about}")


def _cuda() -> Finding:
    if _missing(("cuda",)):
        return Finding("device", "cuda", "missing", _install(["cuda"]))
    try:
        gpu = plugins.load("posedeploy.cuda:gpu")()
    except DeviceError as error:
        return Finding("device", "cuda", "missing", first_line(error).removeprefix("device cuda: "))
    except MissingPackageError as error:
        return Finding("device", "cuda", "missing", _copyable(error))
    except BROKEN as error:
        return Finding("device", "cuda", "broken", first_line(error))
    about = f"{gpu.name}, compute capability {gpu.capability}, driver for CUDA {gpu.driver}"
    return Finding("device", "cuda", "works", about)


def _toolchain(toolchain: Toolchain, folder: Path) -> Finding:
    try:
        found = look(toolchain)
        if found.state != "whole":
            return Finding("toolchain", toolchain.name, found.state, said_of(found))
        ask(found.folder, toolchain, {"task": "start"}, folder, START_LIMIT_S)
    except BROKEN as error:
        return Finding("toolchain", toolchain.name, "broken", first_line(error))
    return Finding("toolchain", toolchain.name, "works", said_of(found))


def _evaluation() -> Finding:
    missing = _missing(("pycocotools",))
    if missing:
        return Finding("scoring", "pycocotools", "missing", _install(missing))
    try:
        plugins.module("posedeploy.benchmarks.oks")
    except BROKEN as error:
        return Finding("scoring", "pycocotools", "broken", first_line(error))
    return Finding("scoring", "pycocotools", "works", "")


def _window() -> Finding:
    missing = _missing(("pygame",))
    if missing:
        return Finding("window", "pygame", "missing", _install(missing))
    return Finding("window", "pygame", "untried", "predict --show tries it")
