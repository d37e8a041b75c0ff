"""Explain why a trial of a package failed, with the libraries in use, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posedeploy.aoti_package.build import PackageBuild
from posedeploy.aoti_package.compilers import VARIABLE, list_compilers
from posedeploy.aoti_package.cpp_library import (
    CppLibrary,
    Versions,
    find_loaded_path,
    format_versions,
    read_library,
    read_package_versions,
)
from posedeploy.aoti_package.trial import TrialFailedError
from posedeploy.isolation.messages import OUT_OF_MEMORY
from posedeploy.isolation.tasks import signal_name

REMEDIES = {
    "SIGILL": "the code contains an instruction that this processor lacks; export it again on this machine",
    "SIGKILL": OUT_OF_MEMORY,
}
"""Remedies by the signal that ended the child process, whatever the C++ library is."""


@dataclass(frozen=True)
class _Libraries:
    """The libstdc++ that torch has loaded, the versions (and the file, if on this machine) of the compiler's
    libstdc++, and the versions that the package needs."""

    loaded: CppLibrary | None
    linked: Versions
    linked_path: Path | None
    needed: Versions

    @property
    def do_differ(self) -> bool:
        """Whether the loaded library is not the compiler's, or lacks symbols that the package needs."""
        if self.loaded is None:
            return False
        return (
            not self.loaded.provides(self.needed)
            or bool(self.linked and self.linked != self.loaded.versions)
            or (self.linked_path is not None and self.linked_path != self.loaded.path.resolve())
        )

    def __str__(self) -> str:
        linked = f"{self.linked_path or 'a libstdc++'} ({format_versions(self.linked)})"
        parts = [f"with {linked}"] if self.linked else []
        parts.append(f"needs {format_versions(self.needed)}")
        parts += [f"and torch has loaded {self.loaded}"] if self.loaded else []
        return ", ".join(parts)


def explain(
    failure: TrialFailedError, package: Path, build: PackageBuild, linked_path: Path | None = None
) -> str:
    """Return why a package failed and how to fix it, as the predicate of a sentence about the package.

    Args:
        linked_path: the libstdc++ that the compiler linked, if it is on this machine.
    """
    if failure.kind == "environment":
        return failure.what
    path = find_loaded_path()
    loaded = read_library(path) if path is not None else None
    libraries = _Libraries(loaded, build.library, linked_path, read_package_versions(package))
    compiler = build.compiler or "an unknown compiler"
    return f"{failure.what}; compiled by {compiler} {libraries}; {_remedy(failure, libraries)}"


def _remedy(failure: TrialFailedError, libraries: _Libraries) -> str:
    known = REMEDIES.get(signal_name(failure.signal))
    if known:
        return known
    if not libraries.do_differ:
        prefix = "the C++ library fits; " if libraries.loaded else ""
        return f"{prefix}export it again with {VARIABLE} set to another compiler, or choose another target"
    fitting = [compiler.command for compiler in list_compilers() if compiler.fits(libraries.loaded)]
    example = f", such as {fitting[0]}" if fitting else ""
    return (
        f"export it again with {VARIABLE} set to a compiler that links the C++ library that torch "
        f"loads{example}"
    )
