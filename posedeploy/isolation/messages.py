"""Messages about a child process that did not finish its task."""

from __future__ import annotations

from posedeploy.isolation.tasks import ChildFailedError

OUT_OF_MEMORY = "the system ended it, probably because memory ran out; free some memory and try again"


def memory_hint(failure: ChildFailedError) -> str:
    """Return a clause with the memory limit of the child and the remedy."""
    if failure.memory_limit is None:
        return "there was not enough memory: free some memory and try again"
    return f"its memory limit was {failure.memory_limit >> 20:,} MiB: free some memory and try again"


def describe_failure(failure: ChildFailedError) -> str:
    """Return the end of the child as the rest of a sentence: ``crashed (SIGSEGV)``."""
    if failure.kind == "time limit":
        return f"was stopped ({failure.detail})"
    if failure.kind == "not started":
        return f"did not start ({failure.detail})"
    if failure.kind == "error":
        return f"failed ({failure.error_type}: {failure.detail})"
    return f"crashed ({failure.reason})"
