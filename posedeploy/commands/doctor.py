"""``posedeploy doctor``: every target, runtime and what else there is, tried and shown."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from posedeploy import plugins
from posedeploy.backends import RUNTIMES, TARGETS
from posedeploy.commands.doctor_checks import BROKEN, Finding, try_runtime, try_target
from posedeploy.commands.doctor_packages import copyable, install, missing, versions
from posedeploy.commands.toolchain import said_of
from posedeploy.console.output import out, show, working, write_json
from posedeploy.console.tables import table
from posedeploy.environments.child import ask
from posedeploy.environments.state import look
from posedeploy.environments.table import TOOLCHAINS, Toolchain
from posedeploy.errors import DeviceError, MissingPackageError, first_line
from posedeploy.tensorrt.libraries import LIBRARIES, TensorRtLibrary
from posedeploy.types import Artifact

START_LIMIT_S = 300.0
"""How long a toolchain may take to start."""


def run(json: Path | None) -> bool:
    """Show what works here; whether everything that is installed does."""
    with working("trying every target and runtime"), tempfile.TemporaryDirectory() as folder:
        findings = _findings(Path(folder))
    found = table("What works here", ["", "name", "state", ""])
    colours = {"works": "green", "untried": "yellow", "missing": "yellow", "broken": "red"}
    for finding in findings:
        state = f"[{colours[finding.state]}]{finding.state}[/]"
        found.add_row(finding.kind, finding.name, state, escape(finding.detail))
    installed = versions()
    show(found)
    out.print(", ".join(f"{name} {number}" for name, number in installed.items()), style="dim")
    if json is not None:
        document = {"format": "posedeploy.doctor", "version": 1, "packages": installed}
        write_json(json, document | {"findings": [asdict(finding) for finding in findings]})
    return all(finding.state != "broken" for finding in findings)


def _findings(folder: Path) -> list[Finding]:
    findings = []
    artifacts: list[Artifact] = []
    model = None if missing("torch") else plugins.load("posedeploy.checkpoints.probe_network:probe")()
    for target in TARGETS.values():
        found, made = try_target(target, model, folder)
        findings += found
        artifacts += made
    findings += [try_runtime(runtime, model, artifacts) for runtime in RUNTIMES.values()]
    findings += [_library(library) for library in LIBRARIES.values()]
    findings += [_toolchain(toolchain, folder) for toolchain in TOOLCHAINS.values()]
    findings += [_cuda(), _evaluation(), _window(), _video()]
    return findings


def _library(library: TensorRtLibrary) -> Finding:
    """One of the two libraries that build and run engines; the target's row tries it."""
    if missing(library.module):
        return Finding("library", library.name, "missing", install([library.module]))
    try:
        version = plugins.module(library.module).__version__
    except BROKEN as error:
        return Finding("library", library.name, "broken", first_line(error))
    about = "builds without a GPU" if library.builds_without_gpu else "builds on the GPU"
    return Finding("library", library.name, "works", f"{version}, {about}")


def _cuda() -> Finding:
    if missing("cuda"):
        return Finding("device", "cuda", "missing", install(["cuda"]))
    try:
        gpu = plugins.load("posedeploy.cuda:gpu")()
    except DeviceError as error:
        return Finding("device", "cuda", "missing", first_line(error).removeprefix("device cuda: "))
    except MissingPackageError as error:
        return Finding("device", "cuda", "missing", copyable(error))
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
    if missing("pycocotools"):
        return Finding("scoring", "pycocotools", "missing", install(["pycocotools"]))
    try:
        plugins.module("posedeploy.benchmarks.oks")
    except BROKEN as error:
        return Finding("scoring", "pycocotools", "broken", first_line(error))
    return Finding("scoring", "pycocotools", "works", "")


def _video() -> Finding:
    if missing("av"):
        return Finding("video", "PyAV", "missing", install(["av"]))
    try:
        plugins.module("posedeploy.predict.video_writer")
    except BROKEN as error:
        return Finding("video", "PyAV", "broken", first_line(error))
    return Finding("video", "PyAV", "works", "")


def _window() -> Finding:
    if missing("pygame"):
        return Finding("window", "pygame", "missing", install(["pygame"]))
    return Finding("window", "pygame", "untried", "predict --show tries it")
