"""A toolchain is made: an environment beside its place, its pins installed, tried once, then put in place."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from posedeploy import files
from posedeploy.environments import locations
from posedeploy.environments.child import ask, run_program
from posedeploy.environments.remove import put_aside, sweep, work_folder
from posedeploy.environments.state import (
    MARKER,
    Broken,
    Environment,
    Marker,
    advice,
    check,
    distributions,
    folder_of,
    is_ours,
    look,
    python_version,
)
from posedeploy.environments.table import HERE, Toolchain
from posedeploy.errors import OutputError, ToolchainError, ToolchainFailed

Installer: TypeAlias = Literal["uv", "pip"]
WATCHED = HERE / "worker" / "watched.py"
PIP = ("--disable-pip-version-check", "--no-input")
"""Nobody is there to answer it."""


@dataclass(frozen=True)
class _Python:
    path: Path
    version: str


def installer_here() -> Installer:
    """uv where it is on the path, else pip."""
    return "uv" if shutil.which("uv") else "pip"


def add(
    toolchain: Toolchain,
    python: Path | None = None,
    installer: Installer | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> tuple[Environment, bool]:
    """Make the environment of a toolchain, unless it is there and whole; a broken one is replaced.

    Nothing stands in its place before everything is installed and was started once.

    Args:
        python: the interpreter to make it with; the running one if None.
        installer: what installs; uv where it is on the path, else pip.
        on_step: is told what is being done.

    Returns:
        The environment, and whether it was made now.

    Raises:
        ToolchainError: this Python has no wheels for it, something else is in its place, or it cannot be
            installed; then with a log beside its place.
        OutputError: the folder of toolchains cannot be written.
    """
    found = look(toolchain)
    if found.state == "whole":
        return found, False
    if found.state == "broken" and not is_ours(found.folder):
        raise ToolchainError(f"{found.folder}: {found.fault}; {advice(found)}")
    used = _python(toolchain, python)
    _make(toolchain, used, installer or installer_here(), on_step)
    return look(toolchain), True


def _python(toolchain: Toolchain, python: Path | None) -> _Python:
    path = python or Path(sys.executable)
    path = Path(shutil.which(path) or path).absolute()  # it runs in another folder
    try:
        version = python_version(path)
    except Broken as broken:
        named = path if python is None else f"`python={path}`"
        raise ToolchainError(f"{named}: {str(broken).removeprefix('its ')}") from broken
    supported = [f"{major}.{minor}" for major, minor in toolchain.pythons]
    if version not in supported:
        raise ToolchainError(
            f"{toolchain.name} installs on Python {' or '.join(supported)} and {path} is {version}; name "
            f"another with: {toolchain.add_command} `python=PATH`"
        )
    return _Python(path, version)


def _make(
    toolchain: Toolchain, python: _Python, installer: Installer, on_step: Callable[[str], None]
) -> None:
    place = folder_of(toolchain)
    log = place.with_name(f"{toolchain.name}.log")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(toolchain)
        work = work_folder(toolchain)
    except OSError as error:
        raise OutputError(
            f"{place.parent}: cannot write here ({error.strerror}); "
            f"name another folder in {locations.VARIABLE}"
        ) from error
    try:
        _install(toolchain, python, installer, work, on_step)
        on_step("starting it once")
        _prove(toolchain, python, work / "environment", work)
        put_aside(toolchain)
        (work / "environment").rename(place)
        log.unlink(missing_ok=True)
    except ToolchainFailed as failed:
        files.write_text(log, failed.log)
        raise ToolchainError(f"{failed}; its log is {log}") from failed
    except OSError as error:
        raise OutputError(f"{place}: cannot be made ({error.strerror or error})") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _install(
    toolchain: Toolchain, python: _Python, installer: Installer, work: Path, on_step: Callable[[str], None]
) -> None:
    environment = work / "environment"
    inside = locations.interpreter(environment)
    pins = toolchain.requirements.absolute()
    # The pins are everything: nothing else is looked for, and nothing is compiled, which could take hours.
    exact = ("install", "--no-deps", "--only-binary", ":all:", "--requirement", pins)
    commands: dict[Installer, tuple[Sequence[str | Path], Sequence[str | Path]]] = {
        "uv": (
            ("uv", "venv", "--python", python.path, environment),
            ("uv", "pip", *exact, "--python", inside),
        ),
        "pip": (
            (python.path, "-I", "-m", "venv", environment),
            (inside, "-I", "-m", "pip", *PIP, *exact, "--no-compile", "--progress-bar", "off"),
        ),
    }
    making, installing = commands[installer]
    for step, command in (("making an environment", making), (f"installing with {installer}", installing)):
        on_step(step)
        watched = (sys.executable, "-I", WATCHED, *command)
        ended = run_program(toolchain, watched, work)
        if ended.status != 0:
            raise ToolchainFailed(
                f"{toolchain.name}: {step} failed: {ended.last_line}",
                toolchain.name,
                ended.log + ended.output.decode(errors="replace"),
            )


def _prove(toolchain: Toolchain, python: _Python, environment: Path, work: Path) -> None:
    """See that everything is there and starts; only then write the marker."""
    packages = distributions(locations.packages(environment, python.version))
    marker = Marker(files.sha256(toolchain.requirements), python.version, packages)
    try:
        check(toolchain, environment, marker)
    except Broken as broken:
        raise ToolchainError(f"{toolchain.name} did not install whole: {broken}") from broken
    ask(environment, toolchain, {"task": "start"}, work)
    files.write_text(environment / MARKER, msgspec.json.format(msgspec.json.encode(marker)).decode() + "\n")
