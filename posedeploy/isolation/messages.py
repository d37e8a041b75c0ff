"""What to report of a child process that did not finish its task."""

from __future__ import annotations

from posedeploy.isolation.tasks import ChildFailedError

OUT_OF_MEMORY = "the system ended it, most likely since there was not enough memory; free some and try again"


def what_happened(failure: ChildFailedError) -> str:
    """Return what the child did, as the rest of a sentence: ``crashed (SIGSEGV)``."""
    if failure.kind == "time limit":
        return f"was stopped ({failure.detail})"
    if failure.kind == "not started":
        return f"did not start ({failure.detail})"
    if failure.kind == "error":
        return f"failed ({failure.error_type}: {failure.detail})"
    return f"crashed ({failure.reason})"
