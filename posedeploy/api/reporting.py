"""How the library reports its work: remarks through ``logging``, progress through a callback.

Remarks are logged by the children of the logger ``posedeploy``: warnings, and what is merely worth knowing as
INFO.
"""

from __future__ import annotations

from collections.abc import Callable

from posedeploy.types import OnProgress


def report_steps(on_progress: OnProgress, doing: str) -> Callable[[int, int | None], None]:
    """Return a callback that takes the number of steps done and of all steps (None: unknown)."""
    return lambda done, total: on_progress(doing, done / total if total else None)
