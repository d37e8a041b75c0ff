"""Every error that a user can cause or mend, as one tree.

::

    PoseDeployError              one line, exit status 1; all else that is raised is a bug, with its traceback
    ├── CheckpointError          a weights file cannot be read, is unsafe, or does not fit the network
    │   └── MisfitError          it is of no network known here, or does not fit it
    ├── NetworkError             the user's own network cannot be used as given
    ├── ManifestError            a manifest is missing, damaged, newer, or belongs to another file
    ├── ArtifactError            a model file cannot be loaded or run by its runtime
    ├── ExportError              a network cannot go to the target as asked
    ├── DeviceError              the device, precision or thread count asked for is not what the runtime gives
    ├── InputError               an image, video, number or file that the user gave cannot be used
    │   └── MeshMissingError     a checkpoint stands on a mesh that was not given
    ├── OutputError              a result cannot be written
    ├── DownloadError            a published file cannot be fetched, or is not the one recorded
    ├── ToolchainError           an environment that a converter needs is missing, broken or cannot be made
    │   └── ToolchainFailed      what ran in it failed; has its log
    └── MissingPackageError      an optional package is not installed

Each message says what failed, what was found, what was wanted, and what to do.
"""

from __future__ import annotations

from posedeploy.printable import printable, shorten


class PoseDeployError(Exception):
    """The root of all errors that are the user's to mend. The message is one printable line of a few thousand
    characters at most, whatever names and values of a file are in it."""

    def __init__(self, message: str) -> None:
        super().__init__(shorten(printable(message)))


class CheckpointError(PoseDeployError):
    """A weights file cannot be read, is unsafe, or does not fit the network."""


class MisfitError(CheckpointError):
    """A checkpoint is of no network known here, or does not fit the one that it is said to be of."""


class NetworkError(PoseDeployError):
    """The user's own network (``--network``) cannot be used as given."""


class ManifestError(PoseDeployError):
    """A manifest is missing, damaged, newer than this release, or belongs to another file."""


class ArtifactError(PoseDeployError):
    """A model file cannot be loaded or run by its runtime."""


class ExportError(PoseDeployError):
    """A network cannot be converted to the target as asked."""


class DeviceError(PoseDeployError):
    """The runtime does not give the device, precision or threads that were asked for."""


class InputError(PoseDeployError):
    """Something that the user gave to run on cannot be used."""


class MeshMissingError(InputError):
    """A checkpoint of ``family`` stands on a mesh that was not given."""

    def __init__(self, message: str, family: str) -> None:
        super().__init__(message)
        self.family = family


class OutputError(PoseDeployError):
    """A result cannot be written."""


class DownloadError(PoseDeployError):
    """A published file cannot be fetched, or is not the file that was recorded."""


class ToolchainError(PoseDeployError):
    """An environment of its own that a converter needs is missing or broken, or cannot be made."""


class ToolchainFailed(ToolchainError):
    """What ran in a toolchain failed. ``toolchain`` is its name, ``log`` all that it said."""

    def __init__(self, message: str, toolchain: str, log: str) -> None:
        super().__init__(message)
        self.toolchain = toolchain
        self.log = log


class MissingPackageError(PoseDeployError):
    """An optional package is not installed; the message holds the command that installs it."""


def first_line(error: BaseException) -> str:
    """What another library's error says, without the pages that may follow."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
