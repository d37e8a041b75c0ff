"""What else there is beside targets and runtimes: libraries that build engines, a GPU, scoring, videos."""

from __future__ import annotations

from pathlib import Path

from posedeploy import plugins
from posedeploy.commands.doctor_checks import BROKEN, Finding
from posedeploy.commands.doctor_packages import copyable, install, missing
from posedeploy.commands.toolchain import said_of
from posedeploy.environments.child import ask
from posedeploy.environments.state import look
from posedeploy.environments.table import Toolchain
from posedeploy.errors import DeviceError, MissingPackageError, first_line
from posedeploy.tensorrt.libraries import TensorRtLibrary

START_LIMIT_S = 300.0
"""How long a toolchain may take to start."""


def check_library(library: TensorRtLibrary) -> Finding:
    """One of the two libraries that build and run engines; the target's row tries it."""
    if missing(library.module):
        return Finding("library", library.name, "missing", install([library.module]))
    try:
        version = plugins.module(library.module).__version__
    except BROKEN as error:
        return Finding("library", library.name, "broken", first_line(error))
    about = "builds without a GPU" if library.builds_without_gpu else "builds on the GPU"
    return Finding("library", library.name, "works", f"{version}, {about}")


def check_cuda() -> Finding:
    """The GPU that CUDA sees first."""
    if missing("cuda"):
        return Finding("device", "cuda", "missing", install(["cuda"]))
    try:
        gpu = plugins.load("posedeploy.cuda:gpu")()
    except DeviceError as error:
        return Finding("device", "cuda", "missing", error.problem)
    except MissingPackageError as error:
        return Finding("device", "cuda", "missing", copyable(error))
    except BROKEN as error:
        return Finding("device", "cuda", "broken", first_line(error))
    about = f"{gpu.name}, compute capability {gpu.capability}, driver for CUDA {gpu.driver}"
    return Finding("device", "cuda", "works", about)


def check_toolchain(toolchain: Toolchain, folder: Path) -> Finding:
    """One isolated environment of a converter."""
    try:
        found = look(toolchain)
        if found.state != "whole":
            return Finding("toolchain", toolchain.name, found.state, said_of(found))
        ask(found.folder, toolchain, {"task": "start"}, folder, START_LIMIT_S)
    except BROKEN as error:
        return Finding("toolchain", toolchain.name, "broken", first_line(error))
    return Finding("toolchain", toolchain.name, "works", said_of(found))


def check_evaluation() -> Finding:
    """What scores poses."""
    if missing("pycocotools"):
        return Finding("scoring", "pycocotools", "missing", install(["pycocotools"]))
    try:
        plugins.module("posedeploy.benchmarks.oks")
    except BROKEN as error:
        return Finding("scoring", "pycocotools", "broken", first_line(error))
    return Finding("scoring", "pycocotools", "works", "")


def check_video() -> Finding:
    """What reads and writes videos."""
    if missing("av"):
        return Finding("video", "PyAV", "missing", install(["av"]))
    try:
        plugins.module("posedeploy.predict.video_writer")
    except BROKEN as error:
        return Finding("video", "PyAV", "broken", first_line(error))
    return Finding("video", "PyAV", "works", "")


def check_window() -> Finding:
    """What shows poses in a window."""
    if missing("pygame"):
        return Finding("window", "pygame", "missing", install(["pygame"]))
    return Finding("window", "pygame", "untried", "predict --show tries it")
