"""Choose the C++ compiler for AOTInductor: the one in ``CXX``, or one whose libstdc++ torch can load."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from posedeploy.aoti_package.cpp_library import CppLibrary, find_loaded_path, read_library
from posedeploy.errors import ExportError

VARIABLE = "CXX"
"""The environment variable that names a compiler, for torch too."""

DEFAULT_NAMES = ("g++", "c++", "clang++")
_NUMBERED = re.compile(r"(?:g|clang)\+\+-(\d+)")
_TIME_LIMIT_S = 60.0


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler and the libstdc++ that it links; None if the compiler does not report it."""

    command: str
    version: str
    library: CppLibrary | None
    is_from_variable: bool = False

    def __str__(self) -> str:
        version = self.version.removeprefix(Path(self.command).name).strip()
        return f"{self.command} {version}{f' (from {VARIABLE})' if self.is_from_variable else ''}"

    def fits(self, loaded: CppLibrary | None) -> bool:
        """Return whether code of this compiler runs with the libstdc++ ``loaded``, by their versions."""
        return loaded is not None and self.library is not None and loaded.provides(self.library.versions)


def choose_compiler() -> Compiler:
    """Return the compiler to use; torch must be loaded.

    A compiler in ``CXX`` is used whatever its libstdc++ is, since each package is tried. Otherwise return the
    first compiler whose libstdc++ is not newer than the loaded one, or the first one if all are newer.

    Raises:
        ExportError: there is no compiler, or the one in ``CXX`` does not run.
    """
    command = os.environ.get(VARIABLE)
    if command:
        return _read_from_variable(command)
    path = find_loaded_path()
    loaded = read_library(path) if path is not None else None
    others: list[Compiler] = []
    for compiler in list_compilers():
        if compiler.fits(loaded):
            return compiler
        others.append(compiler)
    if not others:
        raise ExportError(
            f"AOTInductor needs a C++ compiler and {', '.join(DEFAULT_NAMES)} are not on the PATH; install "
            f"g++, or set the environment variable {VARIABLE} to a compiler"
        )
    return others[0]


def list_compilers() -> Iterator[Compiler]:
    """Yield the compilers on the PATH that run: default names first, then numbered ones, newest first."""
    for name in _names():
        if shutil.which(name):
            try:
                yield read_compiler(name)
            except (OSError, subprocess.SubprocessError):
                continue


def read_compiler(command: str, is_from_variable: bool = False) -> Compiler:
    """Return a compiler, with the version and library that it reports.

    Raises:
        OSError: it cannot be started.
        subprocess.SubprocessError: it fails, or does not end in time.
    """
    version = _output_of(command, "--version").partition("\n")[0]
    path = Path(_output_of(command, "-print-file-name=libstdc++.so.6"))
    # A compiler that finds no such file prints the name unchanged.
    library = read_library(path.resolve()) if path.is_absolute() and path.is_file() else None
    return Compiler(command, version, library, is_from_variable)


def _read_from_variable(command: str) -> Compiler:
    try:
        compiler = read_compiler(command, is_from_variable=True)
    except (OSError, subprocess.SubprocessError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _variable_error(
            command, f"{reason}; set {VARIABLE} to a compiler without arguments, or unset it to use g++"
        ) from error
    if len(command.split()) != 1:
        raise _variable_error(
            command, "torch does not support spaces in its path; use a symbolic link without spaces"
        )
    return compiler


def _variable_error(command: str, reason: str) -> ExportError:
    return ExportError(f"AOTInductor cannot use the C++ compiler in {VARIABLE}: {command}: {reason}")


def _names() -> Iterator[str]:
    """Yield the names of compilers. The folders on the PATH are only listed if no default name is used."""
    yield from DEFAULT_NAMES
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    names = {name for folder in folders if folder for name in _list(folder) if _NUMBERED.fullmatch(name)}
    yield from sorted(names, key=lambda name: (name[0] != "g", -int(name.rpartition("-")[2])))


def _list(folder: str) -> list[str]:
    try:
        return [path.name for path in Path(folder).iterdir()]
    except OSError:  # missing, not a folder, or not readable
        return []


def _output_of(command: str, argument: str) -> str:
    ended = subprocess.run(
        [command, argument],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=_TIME_LIMIT_S,
    )
    return ended.stdout.decode(errors="replace").strip()
