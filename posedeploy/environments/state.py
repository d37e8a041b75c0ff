"""The state of an isolated environment: missing, installed, or broken. Every file is checked."""

from __future__ import annotations

import csv
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from posedeploy import files
from posedeploy.environments import locations
from posedeploy.environments.environment_specs import EnvironmentSpec
from posedeploy.errors import IsolatedEnvironmentError

MARKER = "environment.json"
"""The last file written when an environment is created. posedeploy never deletes a folder without it."""
FORMAT = "posedeploy.environment"

State: TypeAlias = Literal["missing", "installed", "broken"]


@dataclass(frozen=True)
class Marker:
    """The SHA-256 of the requirements, the Python version (``3.11``), and package versions by name."""

    requirements_sha256: str
    python: str
    packages: Mapping[str, str]
    format: str = FORMAT
    version: int = 1


@dataclass(frozen=True)
class Environment:
    """An isolated environment on this machine. fault: why it is broken. packages: versions by name."""

    spec: EnvironmentSpec
    folder: Path
    state: State
    fault: str = ""
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> dict[str, str]:
        """The versions that reports list, by package name."""
        return {
            name.replace("_", "-"): self.packages[name] for name in self.spec.shown if name in self.packages
        }

    @property
    def size_bytes(self) -> int:
        """The size on disk; a file with several hard links counts once."""
        return sum(_sizes(self.folder)) if self.state != "missing" else 0


class BrokenEnvironmentError(Exception):
    """An environment cannot be used. This exception never leaves ``environments/``."""


def folder_of(spec: EnvironmentSpec) -> Path:
    """Return the folder of an isolated environment, whether it exists or not."""
    return locations.home() / spec.name


def inspect_environment(spec: EnvironmentSpec) -> Environment:
    """Return the state of an isolated environment."""
    folder = folder_of(spec)
    if not os.path.lexists(folder):
        return Environment(spec, folder, "missing")
    try:
        marker = read_marker(folder)
    except BrokenEnvironmentError as error:
        return Environment(spec, folder, "broken", str(error))
    try:
        check(spec, folder, marker)
    except BrokenEnvironmentError as error:
        return Environment(spec, folder, "broken", str(error), marker.python, marker.packages)
    return Environment(spec, folder, "installed", "", marker.python, marker.packages)


def require_installed(spec: EnvironmentSpec) -> Environment:
    """Return an isolated environment that is installed and complete.

    Raises:
        IsolatedEnvironmentError: it is missing or broken.
    """
    environment = inspect_environment(spec)
    if environment.state == "missing":
        raise IsolatedEnvironmentError(f"{describe_missing(environment)}; {repair_hint(environment)}")
    if environment.state == "broken":
        raise IsolatedEnvironmentError(
            f"the isolated environment {spec.name} in {environment.folder} is broken: {environment.fault}; "
            f"{repair_hint(environment)}"
        )
    return environment


def describe_missing(environment: Environment) -> str:
    """Return the message for a missing environment."""
    return (
        f"the isolated environment {environment.spec.name} is not installed (looked in {environment.folder})"
    )


def is_managed(folder: Path) -> bool:
    """Return whether posedeploy created this environment, and may replace or remove it."""
    return (folder / MARKER).is_file()


def repair_hint(environment: Environment) -> str:
    """Return how to fix an environment that is missing or broken."""
    if environment.state == "broken" and not is_managed(environment.folder):
        return f"move it away, or set {locations.VARIABLE} to another folder"
    verb = "add" if environment.state == "missing" else "recreate"
    return f"{verb} it with: {environment.spec.add_command}"


def read_marker(folder: Path) -> Marker:
    """Return the marker of an environment.

    Raises:
        BrokenEnvironmentError: it is missing or damaged.
    """
    if not is_managed(folder):
        raise BrokenEnvironmentError(
            f"it has no {MARKER}, so posedeploy did not create it, or was interrupted"
        )
    try:
        marker = msgspec.json.decode((folder / MARKER).read_bytes(), type=Marker)
    except (OSError, ValueError, RecursionError) as error:  # not JSON, not UTF-8, or nested too deep
        raise BrokenEnvironmentError(f"{MARKER} is damaged ({error})") from error
    if (marker.format, marker.version) != (FORMAT, 1):
        raise BrokenEnvironmentError(
            f"{MARKER} has format {marker.format!r}, version {marker.version}; expected {FORMAT!r}, version 1"
        )
    return marker


def check(spec: EnvironmentSpec, folder: Path, marker: Marker) -> None:
    """Check an environment's Python and every file of its packages.

    Raises:
        BrokenEnvironmentError: something is missing or was changed.
    """
    if marker.requirements_sha256 != files.sha256(spec.requirements):
        raise BrokenEnvironmentError("another release of posedeploy, with other requirements, created it")
    version = python_version(locations.interpreter(folder))
    if version != marker.python:
        raise BrokenEnvironmentError(f"its Python is now {version}; it was created with {marker.python}")
    site = locations.packages(folder, marker.python)
    for name, package_version in marker.packages.items():
        _check_package(site, name, package_version)


def python_version(python: Path) -> str:
    """Return the version of a Python interpreter, such as ``3.11``.

    Raises:
        BrokenEnvironmentError: it is missing, does not run, or is not a Python.
    """
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        ended = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60
        )
    except OSError as error:
        raise BrokenEnvironmentError(f"Python {python} does not start ({error.strerror})") from error
    except subprocess.SubprocessError as error:
        raise BrokenEnvironmentError(f"Python {python} does not run ({error})") from error
    version = ended.stdout.strip()
    if not re.fullmatch(r"\d+\.\d+", version):
        raise BrokenEnvironmentError(
            f"{python} is not a Python interpreter: it printed {version!r} as its version"
        )
    return version


def distributions(site: Path) -> dict[str, str]:
    """Return the version of each package installed in a folder, by its name as in ``NAME-1.2.dist-info``."""
    folders = sorted(path.stem for path in site.glob("*.dist-info"))
    return {name: version for name, _, version in (folder.rpartition("-") for folder in folders)}


def _check_package(site: Path, name: str, version: str) -> None:
    record = site / f"{name}-{version}.dist-info" / "RECORD"
    try:
        with record.open(encoding="utf-8", newline="") as stream:
            rows = [(path, size) for path, _, size in csv.reader(stream)]
    except OSError as error:
        raise BrokenEnvironmentError(f"its package {name} {version} is missing") from error
    except (ValueError, csv.Error) as error:
        raise BrokenEnvironmentError(f"the file list (RECORD) of its package {name} is damaged") from error
    for path, size in rows:
        is_compiled = path.endswith(".pyc")  # Python rewrites these at any time
        if size.isdecimal() and not is_compiled and not _has_size(site / path, int(size)):
            raise BrokenEnvironmentError(f"the file {path} of its package {name} is missing or was changed")


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _sizes(folder: Path) -> Iterator[int]:
    counted = set()
    for parent, _, names in os.walk(folder):
        for name in names:
            status = (Path(parent) / name).lstat()
            if status.st_nlink == 1 or status.st_ino not in counted:
                counted.add(status.st_ino)
                yield status.st_size
