"""What is there of a toolchain: missing, whole, or broken and why. Every installed file is looked at."""

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
from posedeploy.environments.table import Toolchain
from posedeploy.errors import ToolchainError

MARKER = "toolchain.json"
"""The file that is written last into an environment; without it, a folder is none of ours."""
FORMAT = "posedeploy.toolchain"

State: TypeAlias = Literal["missing", "whole", "broken"]


@dataclass(frozen=True)
class Marker:
    """What was installed: the SHA-256 of the requirements, the Python (``3.11``), versions by package."""

    requirements_sha256: str
    python: str
    packages: Mapping[str, str]
    format: str = FORMAT
    version: int = 1


@dataclass(frozen=True)
class Environment:
    """A toolchain as it is on this machine. ``fault``: why it is broken. ``packages``: versions by name."""

    toolchain: Toolchain
    folder: Path
    state: State
    fault: str = ""
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> dict[str, str]:
        """The versions that say most about it."""
        found = {name: self.packages[name] for name in self.toolchain.shown if name in self.packages}
        return {name.replace("_", "-"): version for name, version in found.items()}

    @property
    def size_bytes(self) -> int:
        """What it takes on the disk; a file that several names lead to is counted once."""
        return sum(_sizes(self.folder)) if self.state != "missing" else 0


class Broken(Exception):
    """Why an environment cannot be used; never leaves ``environments/``."""


def folder_of(toolchain: Toolchain) -> Path:
    """Where the environment of a toolchain is, or would be."""
    return locations.home() / toolchain.name


def look(toolchain: Toolchain) -> Environment:
    """What is there of a toolchain."""
    folder = folder_of(toolchain)
    if not os.path.lexists(folder):
        return Environment(toolchain, folder, "missing")
    try:
        marker = read_marker(folder)
    except Broken as broken:
        return Environment(toolchain, folder, "broken", str(broken))
    try:
        check(toolchain, folder, marker)
    except Broken as broken:
        return Environment(toolchain, folder, "broken", str(broken), marker.python, marker.packages)
    return Environment(toolchain, folder, "whole", "", marker.python, marker.packages)


def whole(toolchain: Toolchain) -> Environment:
    """The environment of a toolchain that has everything.

    Raises:
        ToolchainError: it is missing or broken.
    """
    found = look(toolchain)
    if found.state == "missing":
        raise ToolchainError(
            f"the toolchain {toolchain.name} is not installed (looked in {found.folder}); {advice(found)}"
        )
    if found.state == "broken":
        raise ToolchainError(
            f"the toolchain {toolchain.name} in {found.folder} is broken: {found.fault}; {advice(found)}"
        )
    return found


def is_ours(folder: Path) -> bool:
    """Whether posedeploy made this environment, and so may replace or remove it."""
    return (folder / MARKER).is_file()


def advice(environment: Environment) -> str:
    """What to do about an environment that is missing or broken."""
    if environment.state == "broken" and not is_ours(environment.folder):
        return f"move it away, or name another folder for toolchains in {locations.VARIABLE}"
    how = "add it with" if environment.state == "missing" else "make it anew with"
    return f"{how}: {environment.toolchain.add_command}"


def read_marker(folder: Path) -> Marker:
    """The marker of an environment.

    Raises:
        Broken: it is missing or damaged.
    """
    if not is_ours(folder):
        raise Broken(f"it has no {MARKER}, so posedeploy did not make it, or not to its end")
    try:
        marker = msgspec.json.decode((folder / MARKER).read_bytes(), type=Marker)
    except (OSError, ValueError, RecursionError) as error:  # no JSON, no UTF-8, or nested too deep
        raise Broken(f"{MARKER} is damaged ({error})") from error
    if (marker.format, marker.version) != (FORMAT, 1):
        raise Broken(f"{MARKER} is of format {marker.format!r}, version {marker.version}")
    return marker


def check(toolchain: Toolchain, folder: Path, marker: Marker) -> None:
    """Look at an environment's Python and at every file of its packages.

    Raises:
        Broken: something is missing or was changed.
    """
    if marker.requirements_sha256 != files.sha256(toolchain.requirements):
        raise Broken("it was made from the requirements of another release")
    found = python_version(locations.interpreter(folder))
    if found != marker.python:
        raise Broken(f"its Python is {found} now and was {marker.python}")
    site = locations.packages(folder, marker.python)
    for name, version in marker.packages.items():
        _check_package(site, name, version)


def python_version(python: Path) -> str:
    """The version of a Python interpreter, such as ``3.11``.

    Raises:
        Broken: it is gone, or does not run.
    """
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        ended = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60
        )
    except OSError as error:
        raise Broken(f"its Python {python} is gone or does not start ({error.strerror})") from error
    except subprocess.SubprocessError as error:
        raise Broken(f"its Python {python} does not run ({error})") from error
    version = ended.stdout.strip()
    if not re.fullmatch(r"\d+\.\d+", version):
        raise Broken(f"its Python {python} is none: asked for its version it said {version!r}")
    return version


def distributions(site: Path) -> dict[str, str]:
    """The version of each package that is installed in a folder, by its name as in ``NAME-1.2.dist-info``."""
    folders = sorted(path.stem for path in site.glob("*.dist-info"))
    return {name: version for name, _, version in (folder.rpartition("-") for folder in folders)}


def _check_package(site: Path, name: str, version: str) -> None:
    record = site / f"{name}-{version}.dist-info" / "RECORD"
    try:
        with record.open(encoding="utf-8", newline="") as stream:
            rows = [(path, digest, size) for path, digest, size in csv.reader(stream)]
    except OSError as error:
        raise Broken(f"its package {name} {version} is gone") from error
    except (ValueError, csv.Error) as error:
        raise Broken(f"the list of files of its package {name} is damaged") from error
    for path, _, size in rows:
        compiled = path.endswith(".pyc")  # Python writes these anew as it likes
        if size.isdecimal() and not compiled and not _has_size(site / path, int(size)):
            raise Broken(f"the file {path} of its package {name} is gone or was changed")


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _sizes(folder: Path) -> Iterator[int]:
    seen = set()
    for parent, _, names in os.walk(folder):
        for name in names:
            found = (Path(parent) / name).lstat()
            if found.st_nlink == 1 or found.st_ino not in seen:
                seen.add(found.st_ino)
                yield found.st_size
