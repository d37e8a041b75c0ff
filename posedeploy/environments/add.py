"""Create an isolated environment: install the pinned packages in a work folder, run its script, rename it."""

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
from posedeploy.environments.child import run_program, run_request
from posedeploy.environments.environment_specs import FOLDER, EnvironmentSpec
from posedeploy.environments.remove import create_work_folder, delete_abandoned_work, discard
from posedeploy.environments.state import (
    MARKER,
    BrokenEnvironmentError,
    Environment,
    Marker,
    check,
    distributions,
    folder_of,
    inspect_environment,
    is_managed,
    python_version,
    repair_hint,
)
from posedeploy.errors import IsolatedEnvironmentError, IsolatedProgramError, OutputError

Installer: TypeAlias = Literal["uv", "pip"]
TIED_PROCESS = FOLDER / "worker" / "tied_process.py"
PIP = ("--disable-pip-version-check", "--no-input")
"""pip runs without a terminal, so it must not ask."""


@dataclass(frozen=True)
class _Python:
    path: Path
    version: str


def default_installer() -> Installer:
    """Return uv if it is on the PATH, else pip."""
    return "uv" if shutil.which("uv") else "pip"


def add(
    spec: EnvironmentSpec,
    python: Path | None = None,
    installer: Installer | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> tuple[Environment, bool]:
    """Create an isolated environment unless it is installed; replace a broken one.

    The environment gets its final name only when all packages are installed and its script has run once.

    Args:
        python: the interpreter to create it with; the running one if None.
        installer: uv if it is on the PATH, else pip, if None.
        on_step: called with a description of each step before it starts.

    Returns:
        The environment, and whether this call created it.

    Raises:
        IsolatedEnvironmentError: the pins do not support this Python, posedeploy did not create the existing
            folder, or the installation failed; its log is then written next to the folder.
        OutputError: the folder of environments cannot be written.
    """
    environment = inspect_environment(spec)
    if environment.state == "installed":
        return environment, False
    if environment.state == "broken" and not is_managed(environment.folder):
        raise IsolatedEnvironmentError(
            f"{environment.folder}: {environment.fault}; {repair_hint(environment)}"
        )
    _create(spec, _choose_python(spec, python), installer or default_installer(), on_step)
    return inspect_environment(spec), True


def _choose_python(spec: EnvironmentSpec, python: Path | None) -> _Python:
    path = python or Path(sys.executable)
    path = Path(shutil.which(path) or path).absolute()  # the installer runs in another folder
    try:
        version = python_version(path)
    except BrokenEnvironmentError as error:
        raise IsolatedEnvironmentError(f"`python={path if python is None else python}`: {error}") from error
    supported = [f"{major}.{minor}" for major, minor in spec.pythons]
    if version not in supported:
        raise IsolatedEnvironmentError(
            f"{spec.name} needs Python {' or '.join(supported)}, and {path} is {version}; pass another one "
            f"with: {spec.add_command} `python=PATH`"
        )
    return _Python(path, version)


def _create(
    spec: EnvironmentSpec, python: _Python, installer: Installer, on_step: Callable[[str], None]
) -> None:
    folder = folder_of(spec)
    log = folder.with_name(f"{spec.name}.log")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        delete_abandoned_work(spec)
        work = create_work_folder(spec)
    except OSError as error:
        raise OutputError(
            f"{folder.parent}: cannot be written ({error.strerror}); set {locations.VARIABLE} to another "
            "folder"
        ) from error
    try:
        _install(spec, python, installer, work, on_step)
        on_step("running the script once")
        _verify(spec, python, work / "environment", work)
        discard(spec)
        (work / "environment").rename(folder)
        log.unlink(missing_ok=True)
    except IsolatedProgramError as error:
        files.write_text(log, error.log)
        raise IsolatedEnvironmentError(f"{error}; the log is {log}") from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created ({error.strerror or error})") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _install(
    spec: EnvironmentSpec, python: _Python, installer: Installer, work: Path, on_step: Callable[[str], None]
) -> None:
    environment = work / "environment"
    interpreter = locations.interpreter(environment)
    # The pins list every package. Nothing is built from source, which could take hours.
    install = (
        *("install", "--no-deps", "--only-binary", ":all:"),
        *("--requirement", spec.requirements.absolute()),
    )
    commands: dict[Installer, tuple[Sequence[str | Path], Sequence[str | Path]]] = {
        "uv": (
            ("uv", "venv", "--python", python.path, environment),
            ("uv", "pip", *install, "--python", interpreter),
        ),
        "pip": (
            (python.path, "-I", "-m", "venv", environment),
            (interpreter, "-I", "-m", "pip", *PIP, *install, "--no-compile", "--progress-bar", "off"),
        ),
    }
    steps = ("creating the environment", f"installing the packages with {installer}")
    for step, command in zip(steps, commands[installer], strict=True):
        on_step(step)
        result = run_program(spec, (sys.executable, "-I", TIED_PROCESS, *command), work)
        if result.status != 0:
            raise IsolatedProgramError(
                f"{spec.name}: {step} failed: {result.last_line}",
                spec.name,
                result.log + result.output.decode(errors="replace"),
            )


def _verify(spec: EnvironmentSpec, python: _Python, environment: Path, work: Path) -> None:
    """Check all files, run the script once, and only then write the marker."""
    packages = distributions(locations.packages(environment, python.version))
    marker = Marker(files.sha256(spec.requirements), python.version, packages)
    try:
        check(spec, environment, marker)
    except BrokenEnvironmentError as error:
        raise IsolatedEnvironmentError(f"{spec.name}: the installation is incomplete: {error}") from error
    run_request(environment, spec, {"task": "start"}, work)
    files.write_text(environment / MARKER, msgspec.json.format(msgspec.json.encode(marker)).decode() + "\n")
