"""Which C++ compiler AOTInductor uses: the one that the user names, or one whose libstdc++ torch can load."""

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

USUAL = ("g++", "c++", "clang++")
_NUMBERED = re.compile(r"(?:g|clang)\+\+-(\d+)")
_TIME_LIMIT_S = 60.0


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler, and the libstdc++ that it links; None where it does not tell which."""

    command: str
    version: str
    library: CppLibrary | None
    is_from_variable: bool = False

    def __str__(self) -> str:
        version = self.version.removeprefix(Path(self.command).name).strip()
        return f"{self.command} {version}{f' (from {VARIABLE})' if self.is_from_variable else ''}"

    def fits(self, loaded: CppLibrary | None) -> bool:
        """Whether its code runs with the libstdc++ ``loaded``, as far as versions tell."""
        return loaded is not None and self.library is not None and loaded.provides(self.library.versions)


def choose_compiler() -> Compiler:
    """The compiler to use, where torch is loaded.

    One that ``CXX`` names is used whatever its library is: the package that it makes is tried. Otherwise the
    first whose libstdc++ is no newer than the one loaded, or the first of all where none is.

    Raises:
        ExportError: there is none, or the one that ``CXX`` names does not run.
    """
    command = os.environ.get(VARIABLE)
    if command:
        return _named(command)
    path = find_loaded_path()
    loaded = read_library(path) if path is not None else None
    others: list[Compiler] = []
    for compiler in list_compilers():
        if compiler.fits(loaded):
            return compiler
        others.append(compiler)
    if not others:
        raise ExportError(
            f"AOTInductor needs a C++ compiler and {', '.join(USUAL)} are not on the PATH; install g++, or "
            f"name a compiler in the environment variable {VARIABLE}"
        )
    return others[0]


def list_compilers() -> Iterator[Compiler]:
    """The compilers on the PATH that run: the usual names, then numbered ones, the newest first."""
    for name in _names():
        if shutil.which(name):
            try:
                yield read_compiler(name)
            except (OSError, subprocess.SubprocessError):
                continue  # it does not run: no compiler


def read_compiler(command: str, is_from_variable: bool = False) -> Compiler:
    """A compiler, as it describes itself.

    Raises:
        OSError: it cannot be started.
        subprocess.SubprocessError: it fails, or does not answer.
    """
    version = _output_of(command, "--version").partition("\n")[0]
    path = Path(_output_of(command, "-print-file-name=libstdc++.so.6"))
    # A compiler that finds none gives the name back.
    library = read_library(path.resolve()) if path.is_absolute() and path.is_file() else None
    return Compiler(command, version, library, is_from_variable)


def _named(command: str) -> Compiler:
    try:
        compiler = read_compiler(command, is_from_variable=True)
    except (OSError, subprocess.SubprocessError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise _refusal(
            command, f"{why}; set {VARIABLE} to a compiler, without arguments, or unset it to use g++"
        ) from error
    if len(command.split()) != 1:
        raise _refusal(command, "torch takes no path with spaces; name a symbolic link to it without any")
    return compiler


def _refusal(command: str, why: str) -> ExportError:
    return ExportError(f"AOTInductor cannot use the C++ compiler that {VARIABLE} names: {command}: {why}")


def _names() -> Iterator[str]:
    """The names of compilers. The folders on the PATH are listed only after the usual names are used up."""
    yield from USUAL
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    names = {name for folder in folders if folder for name in _list(folder) if _NUMBERED.fullmatch(name)}
    yield from sorted(names, key=lambda name: (name[0] != "g", -int(name.rpartition("-")[2])))


def _list(folder: str) -> list[str]:
    try:
        return [path.name for path in Path(folder).iterdir()]
    except OSError:  # missing, no folder, or not readable: nothing in it can be found by name
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
