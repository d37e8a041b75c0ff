"""Tests of other components: TensorRT libraries, the GPU, isolated environments, scoring, videos, windows."""

from __future__ import annotations

from pathlib import Path

from posedeploy import plugins
from posedeploy.commands.doctor_checks import BROKEN, CheckResult
from posedeploy.commands.doctor_packages import explain_missing, format_error, list_missing
from posedeploy.commands.environments import summarize
from posedeploy.environments.child import run_request
from posedeploy.environments.environment_specs import EnvironmentSpec
from posedeploy.environments.state import inspect_environment
from posedeploy.errors import DeviceError, MissingPackageError, first_line
from posedeploy.tensorrt.libraries import TensorRtLibrary

START_LIMIT_S = 300.0
"""Time limit for the start of an isolated environment."""


def check_library(library: TensorRtLibrary) -> CheckResult:
    """Check a TensorRT library; the target's row tests it."""
    if list_missing(library.module):
        return CheckResult("library", library.name, "missing", explain_missing([library.module]))
    try:
        version = plugins.module(library.module).__version__
    except BROKEN as error:
        return CheckResult("library", library.name, "broken", first_line(error))
    requirement = "builds without a GPU" if library.builds_without_gpu else "builds on the GPU"
    return CheckResult("library", library.name, "works", f"{version}, {requirement}")


def check_cuda() -> CheckResult:
    """Check the first GPU of CUDA."""
    if list_missing("cuda"):
        return CheckResult("device", "cuda", "missing", explain_missing(["cuda"]))
    try:
        gpu = plugins.load("posedeploy.cuda:gpu")()
    except DeviceError as error:
        return CheckResult("device", "cuda", "missing", error.problem)
    except MissingPackageError as error:
        return CheckResult("device", "cuda", "missing", format_error(error))
    except BROKEN as error:
        return CheckResult("device", "cuda", "broken", first_line(error))
    detail = f"{gpu.name}, compute capability {gpu.capability}, driver for CUDA {gpu.driver}"
    return CheckResult("device", "cuda", "works", detail)


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
    """Check the package that scores poses."""
    if list_missing("pycocotools"):
        return CheckResult("scoring", "pycocotools", "missing", explain_missing(["pycocotools"]))
    try:
        plugins.module("posedeploy.benchmarks.oks")
    except BROKEN as error:
        return CheckResult("scoring", "pycocotools", "broken", first_line(error))
    return CheckResult("scoring", "pycocotools", "works", "")


def check_video() -> CheckResult:
    """Check the package that reads and writes videos."""
    if list_missing("av"):
        return CheckResult("video", "PyAV", "missing", explain_missing(["av"]))
    try:
        plugins.module("posedeploy.predict.video_writer")
    except BROKEN as error:
        return CheckResult("video", "PyAV", "broken", first_line(error))
    return CheckResult("video", "PyAV", "works", "")


def check_window() -> CheckResult:
    """Check the package that shows poses in a window."""
    if list_missing("pygame"):
        return CheckResult("window", "pygame", "missing", explain_missing(["pygame"]))
    return CheckResult("window", "pygame", "untested", "run `posedeploy predict --show` to test it")
