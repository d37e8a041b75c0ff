"""What to report of a child process that did not finish its task."""

from __future__ import annotations

from posedeploy.isolation.tasks import ChildFailedError

OUT_OF_MEMORY = "the system ended it, most likely since there was not enough memory; free some and try again"


def memory_limit(failure: ChildFailedError) -> str:
    """Return the memory that the child could take, as a clause: ``it may take 1,024 MiB of memory here``."""
    if failure.memory_limit is None:
        return "there was not enough memory"
    return f"it may take {failure.memory_limit >> 20:,} MiB of memory here"


def what_happened(failure: ChildFailedError) -> str:
    """Return what the child did, as the rest of a sentence: ``crashed (SIGSEGV)``."""
    if failure.kind == "time limit":
        return f"was stopped ({failure.detail})"
    if failure.kind == "not started":
        return f"did not start ({failure.detail})"
    if failure.kind == "error":
        return f"failed ({failure.error_type}: {failure.detail})"
    return f"crashed ({failure.reason})"
