"""Progress reports of the library; remarks are logged by the children of the logger ``posedeploy``."""

from __future__ import annotations

from collections.abc import Callable

from posedeploy.types import OnProgress


def report_steps(on_progress: OnProgress, activity: str) -> Callable[[int, int | None], None]:
    """Return a callback that takes the number of steps done and the total (None: unknown)."""
    return lambda done, total: on_progress(activity, done / total if total else None)
