"""The result of a task as a worker sends it, with errors as values."""

from __future__ import annotations

import platform
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from posedeploy import __version__
from posedeploy.errors import ClusterError, OutputError, PoseDeployError


class TaskError(ClusterError):
    """One task cannot be computed; the others can."""


@dataclass(frozen=True)
class Outcome:
    """A value, or why it could not be computed.

    node: the host name. error: the message for the user. error_class: the name of its class; None for a bug,
    whose traceback is in ``error``.
    """

    node: str
    value: Any = None
    error: str = ""
    error_class: str | None = None

    @property
    def is_lost(self) -> bool:
        """Whether only this task cannot be computed."""
        return self.error_class == TaskError.__name__

    def take(self) -> Any:
        """Return the value.

        Raises:
            PoseDeployError: it could not be computed, and other tasks on this node cannot either.
            RuntimeError: a bug.
        """
        if not self.error:
            return self.value
        if self.error_class is None:
            raise RuntimeError(f"node {self.node}:\n{self.error}")
        if self.error_class == OutputError.__name__:
            raise OutputError(self.error)
        raise ClusterError(self.error if self.names_node else f"node {self.node}: {self.error}")

    @property
    def names_node(self) -> bool:
        """Whether the message names the node."""
        return self.error_class in (ClusterError.__name__, TaskError.__name__)


def check_version(version: str) -> None:
    """Check that this process has the version of posedeploy that started the job.

    Raises:
        ClusterError: it has another version.
    """
    if version != __version__:
        raise ClusterError(
            f"node {platform.node()} has posedeploy {__version__}, but the job was started with {version}; "
            "install the same version on all nodes"
        )


def attempt(call: Callable[[], Any]) -> Outcome:
    """Call a function, and return its value or its error."""
    node = platform.node()
    try:
        return Outcome(node, call())
    except PoseDeployError as error:
        return Outcome(node, error=str(error), error_class=type(error).__name__)
    except Exception:
        return Outcome(node, error=traceback.format_exc())
