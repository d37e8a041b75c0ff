"""Every error that a user can cause or fix, as one tree.

::

    PoseDeployError                  one line, exit status 1; any other exception is a bug and has a traceback
    ├── CheckpointError              a weights file cannot be read, is unsafe, or does not fit the network
    │   └── MisfitError              the checkpoint fits no known network, or not the network named
    ├── NetworkError                 the user's own network cannot be used
    ├── ManifestError                a manifest is missing, damaged, newer, or belongs to another file
    ├── ArtifactError                a runtime cannot load or run a model file
    ├── ExportError                  a network cannot be exported to the target with these options
    ├── ServerError                  a model server cannot be reached, or does not serve the requested model
    ├── DeviceError                  the runtime does not have the requested device, precision or thread count
    ├── RunnerStateError             a runner is closed, of a parent process, or called within its network
    ├── InputError                   an image, video, number or file of the user cannot be used
    │   └── MeshMissingError         a checkpoint needs a mesh that was not passed
    ├── MeasurementError             times cannot be measured on this machine
    ├── OutputError                  a result cannot be written
    ├── ClusterError                 a Ray cluster cannot be reached, or its workers cannot run the job
    ├── DownloadError                a published file cannot be fetched, or differs from the recorded one
    ├── IsolatedEnvironmentError     a converter's environment is missing, broken or cannot be created
    │   └── IsolatedProgramError     a program in an isolated environment failed; has its log
    └── MissingPackageError          an optional package is not installed

A message has the form ``what failed: why; how to fix it``, with the values found and expected. It names
parameters of the library in backticks, `` `threads=0` ``. The command line shows these as its options,
``--threads 0`` (``option_names``), so that no library module names an option.
"""

from __future__ import annotations

import re

from posedeploy.printable import printable, shorten

_SUBJECT = re.compile(r"`(?P<name>[a-z][a-z0-9_]*)(?:=(?P<value>[^`]*))?`")


class PoseDeployError(Exception):
    """The root of all errors that a user can fix. ``str(error)`` is one printable line, of limited length.

    what: what failed, and why. It begins with the file or the parameter concerned.
    parameter: the parameter that ``what`` begins with, such as ``threads``; None if it begins with none.
    problem: ``what`` without its parameter and value.
    found, expected: the value found and the values allowed, as text; empty if ``what`` has them.
    hint: how to fix it; empty if ``what`` has it.
    """

    def __init__(self, what: str, *, found: str = "", expected: str = "", hint: str = "") -> None:
        self.what, self.found, self.expected, self.hint = (
            shorten(printable(text)) for text in (what, found, expected, hint)
        )
        subject = _SUBJECT.match(self.what)
        self.parameter = subject["name"] if subject is not None else None
        self.problem = self.what if subject is None else self.what[subject.end() :].removeprefix(": ")
        fields = (("found ", self.found), ("expected ", self.expected), ("", self.hint))
        super().__init__("; ".join([self.what, *(label + text for label, text in fields if text)]))


class CheckpointError(PoseDeployError):
    """A weights file cannot be read, is unsafe, or does not fit the network."""


class MisfitError(CheckpointError):
    """The checkpoint fits no known network, or not the network named."""


class NetworkError(PoseDeployError):
    """The user's own network (``network=FILE.py:FUNCTION``) cannot be used."""


class ManifestError(PoseDeployError):
    """A manifest is missing, damaged, newer than this release, or belongs to another file."""


class ArtifactError(PoseDeployError):
    """A runtime cannot load or run a model file."""


class ExportError(PoseDeployError):
    """The network cannot be exported to the target with these options."""


class DeviceError(PoseDeployError):
    """The runtime does not have the requested device, precision or thread count."""


class ServerError(PoseDeployError):
    """A model server cannot be reached, or does not serve the requested model."""


class RunnerStateError(PoseDeployError):
    """A runner is used after it was closed, in a process forked after it was opened, or by its network."""


class InputError(PoseDeployError):
    """An image, video, number or file of the user cannot be used."""


class MeshMissingError(InputError):
    """A checkpoint of ``family`` needs a mesh that was not passed."""

    def __init__(self, message: str, family: str) -> None:
        super().__init__(message)
        self.family = family


class MeasurementError(PoseDeployError):
    """Times cannot be measured on this machine."""


class OutputError(PoseDeployError):
    """A result cannot be written."""


class ClusterError(PoseDeployError):
    """A Ray cluster cannot be reached, or its workers cannot run the job."""


class DownloadError(PoseDeployError):
    """A published file cannot be fetched, or differs from the recorded one."""


class IsolatedEnvironmentError(PoseDeployError):
    """The isolated environment of a converter is missing or broken, or cannot be created."""


class IsolatedProgramError(IsolatedEnvironmentError):
    """A program in an isolated environment failed. ``environment`` is its name, ``log`` its output."""

    def __init__(self, message: str, environment: str, log: str) -> None:
        super().__init__(message)
        self.environment = environment
        self.log = log


class MissingPackageError(PoseDeployError):
    """An optional package is not installed. ``command`` installs it; empty if ``what`` has the remedy."""

    def __init__(self, what: str, command: str = "") -> None:
        super().__init__(what, hint=f"install it with: {command}" if command else "")
        self.command = command


def first_line(error: BaseException) -> str:
    """Return the first line of another library's error message."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
