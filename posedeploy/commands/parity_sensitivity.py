"""What a comparison proves, for the terminal: the known mistakes that would show in the poses."""

from __future__ import annotations

from collections.abc import Iterator

from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.sensitivity import Sensitivity
from posedeploy.printable import listed, printable

MAX_HIDDEN = 2
"""The number of hidden mistakes that are named."""


def sensitivity_lines(result: Parity) -> Iterator[str]:
    """Yield how many known mistakes would show, and whether the inputs prove nothing."""
    sensitivity = result.sensitivity
    if sensitivity is None or not sensitivity.trials:
        return
    limits = "tolerance" if result.budget is None else "budget"
    yield printable(_describe(sensitivity, limits))
    if sensitivity.images_prove_nothing and not sensitivity.proves_nothing:
        yield printable(
            f"the images that you passed prove nothing: on {listed(sensitivity.images)}, no known mistake "
            f"moves the poses by more than the {limits}; pass photographs of people with --images"
        )


def _describe(sensitivity: Sensitivity, limits: str) -> str:
    hidden, total = sensitivity.hidden, len(sensitivity.trials)
    if sensitivity.proves_nothing:
        return (
            f"the inputs prove nothing: none of {total} known mistakes moves the poses by more than the "
            f"{limits}; pass photographs of people with --images"
        )
    if not hidden:
        return f"known mistakes: each of {total} would move the poses by more than the {limits}"
    shown = " and ".join(f'"{name}"' for name in hidden[:MAX_HIDDEN])
    return (
        f"known mistakes: {total - len(hidden)} of {total} would move the poses by more than the {limits}; "
        f"hidden: {shown}" + (f" and {len(hidden) - MAX_HIDDEN} more" if len(hidden) > MAX_HIDDEN else "")
    )
