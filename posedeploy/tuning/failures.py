"""Failures of candidates that the next run of a search may not have."""

from __future__ import annotations

from posedeploy.errors import (
    DeviceError,
    IsolatedEnvironmentError,
    IsolatedProgramError,
    MissingPackageError,
    OutputError,
    PoseDeployError,
)


def lacks_device(error: BaseException | None) -> bool:
    """Return whether the device of the search is the reason, for an error of this or a child process."""
    if error is None:
        return False
    is_own = isinstance(error, DeviceError) and error.parameter == "device"
    return is_own or lacks_device(error.__cause__)


def is_temporary(error: BaseException | None) -> bool:
    """Return whether a package, environment, device or folder is the reason, which the user can fix, for an
    error of this or a child process."""
    if not isinstance(error, PoseDeployError):
        return False
    is_environment = isinstance(error, IsolatedEnvironmentError) and not isinstance(
        error, IsolatedProgramError
    )
    is_own = isinstance(error, MissingPackageError | OutputError) or is_environment
    return is_own or lacks_device(error) or is_temporary(error.__cause__)
