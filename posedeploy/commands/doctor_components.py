"""What else there is beside targets and runtimes: libraries that build engines, a GPU, scoring, videos."""

from __future__ import annotations

from pathlib import Path

from posedeploy import plugins
from posedeploy.commands.doctor_checks import BROKEN, CheckResult
from posedeploy.commands.doctor_packages import copyable, install, missing
from posedeploy.commands.environments import summarize
from posedeploy.environments.child import run_request
from posedeploy.environments.specs import EnvironmentSpec
from posedeploy.environments.state import inspect_environment
from posedeploy.errors import DeviceError, MissingPackageError, first_line
from posedeploy.tensorrt.libraries import TensorRtLibrary

START_LIMIT_S = 300.0
"""Limit for an isolated environment to start."""


def check_library(library: TensorRtLibrary) -> CheckResult:
    """One of the two libraries that build and run engines; the target's row tries it."""
    if missing(library.module):
        return CheckResult("library", library.name, "missing", install([library.module]))
    try:
        version = plugins.module(library.module).__version__
    except BROKEN as error:
        return CheckResult("library", library.name, "broken", first_line(error))
    about = "builds without a GPU" if library.builds_without_gpu else "builds on the GPU"
    return CheckResult("library", library.name, "works", f"{version}, {about}")


def check_cuda() -> CheckResult:
    """The GPU that CUDA sees first."""
    if missing("cuda"):
        return CheckResult("device", "cuda", "missing", install(["cuda"]))
    try:
        gpu = plugins.load("posedeploy.cuda:gpu")()
    except DeviceError as error:
        return CheckResult("device", "cuda", "missing", error.problem)
    except MissingPackageError as error:
        return CheckResult("device", "cuda", "missing", copyable(error))
    except BROKEN as error:
        return CheckResult("device", "cuda", "broken", first_line(error))
    about = f"{gpu.name}, compute capability {gpu.capability}, driver for CUDA {gpu.driver}"
    return CheckResult("device", "cuda", "works", about)


def check_environment(spec: EnvironmentSpec, folder: Path) -> CheckResult:
    """Check the isolated environment of a converter."""
    try:
        environment = inspect_environment(spec)
        if environment.state != "installed":
            return CheckResult("environment", spec.name, environment.state, summarize(environment))
        run_request(environment.folder, spec, {"task": "start"}, folder, START_LIMIT_S)
    except BROKEN as error:
        return CheckResult("environment", spec.name, "broken", first_line(error))
    return CheckResult("environment", spec.name, "works", summarize(environment))


def check_evaluation() -> CheckResult:
    """What scores poses."""
    if missing("pycocotools"):
        return CheckResult("scoring", "pycocotools", "missing", install(["pycocotools"]))
    try:
        plugins.module("posedeploy.benchmarks.oks")
    except BROKEN as error:
        return CheckResult("scoring", "pycocotools", "broken", first_line(error))
    return CheckResult("scoring", "pycocotools", "works", "")


def check_video() -> CheckResult:
    """What reads and writes videos."""
    if missing("av"):
        return CheckResult("video", "PyAV", "missing", install(["av"]))
    try:
        plugins.module("posedeploy.predict.video_writer")
    except BROKEN as error:
        return CheckResult("video", "PyAV", "broken", first_line(error))
    return CheckResult("video", "PyAV", "works", "")


def check_window() -> CheckResult:
    """What shows poses in a window."""
    if missing("pygame"):
        return CheckResult("window", "pygame", "missing", install(["pygame"]))
    return CheckResult("window", "pygame", "untried", "predict --show tries it")
