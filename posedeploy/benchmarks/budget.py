"""Budgets: limits of the differences between poses, written as ``1px``, ``0.5mm``, ``0.99oks`` or ``2%``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from posedeploy.benchmarks.pose_comparison import PoseComparison, Summary
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.errors import InputError
from posedeploy.printable import counted

UNITS: Mapping[str, str] = {"px": "px", "mm": "mm", "oks": "oks", "%": "unmatched_percent"}
"""The units of a budget, and the fields of ``Budget`` that they set."""
_AMOUNT = re.compile(r"\s*(?P<number>[-+]?[\d.]+(e[-+]?\d+)?)\s*(?P<unit>[a-z%]+)\s*", re.IGNORECASE)
EXPECTED = (
    "a number and one of the units px (keypoints), mm (3D joints and vertices), oks (similarity of people) "
    "and % (unmatched keypoints), as in 1px, 0.5mm, 0.99oks or 2%"
)
RANGES: Mapping[str, tuple[float, float]] = {"oks": (0.0, 1.0), "%": (0.0, 100.0)}

MAX_UNMATCHED_PERCENT = 2.0
"""The default of ``Budget.unmatched_percent``."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The differences of paired poses that pass. None does not limit a measure.

    px: 95th percentile of the distances of keypoints. mm: the same of 3D joints relative to the root, and of
    vertices. oks: the similarity that 95% of the people reach. unmatched_percent: keypoints found by only
    one of the two models, those of missed and extra people included, in percent of all. defaults: the fields
    that the user did not set.
    """

    px: float | None = None
    mm: float | None = None
    oks: float | None = None
    unmatched_percent: float | None = None
    defaults: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        shown = {
            "px": "{:g} px",
            "mm": "{:g} mm",
            "oks": "OKS {:g}",
            "unmatched_percent": "{:g}% unmatched keypoints",
        }
        parts = [
            text.format(value) + (" (default)" if name in self.defaults else "")
            for name, text in shown.items()
            if (value := getattr(self, name)) is not None
        ]
        return ", ".join(parts)

    def with_defaults(self, tolerance: Tolerance, *, has_2d: bool, has_3d: bool) -> Budget:
        """Return the budget with defaults for what the network has and the user did not limit.

        Args:
            tolerance: that of the candidate's precision; its ``px`` and ``mm`` are the defaults.
        """
        defaults: dict[str, float] = {}
        if has_2d and self.px is None and self.oks is None:
            defaults["px"] = tolerance.px
        if has_2d and self.unmatched_percent is None:
            defaults["unmatched_percent"] = MAX_UNMATCHED_PERCENT
        if has_3d and self.mm is None:
            defaults["mm"] = tolerance.mm
        return replace(self, **defaults, defaults=(*self.defaults, *defaults))

    def failures(self, poses: PoseComparison) -> list[str]:
        """Return a sentence for each limit that is exceeded."""
        if not poses.people + poses.missed + poses.extra:
            return [
                "neither model finds people, so there is nothing to compare; pass photographs as `images`"
            ]
        sentences = []
        percent = 100 * poses.unmatched_share
        total = poses.keypoints + poses.unmatched_keypoints
        if self.unmatched_percent is not None and not percent <= self.unmatched_percent:
            sentences.append(
                f"{poses.unmatched_keypoints} of {total} keypoints are unmatched ({percent:.3g}%, "
                f"{counted(poses.missed, 'person', 'people')} missed, {poses.extra} extra), "
                f"budget {self.unmatched_percent:g}%"
            )
        limits = (
            ("keypoints", "px", "px", self.px),
            ("3D joints", "joint_mm", "mm", self.mm),
            ("vertices", "vertex_mm", "mm", self.mm),
        )
        for what, measure, unit, limit in limits:
            summary = poses.summaries.get(measure)
            if limit is not None and summary is not None and not summary.p95.value <= limit:
                sentences.append(f"{what} differ by {_format_excess(summary, unit)}, budget {limit:g} {unit}")
        summary = poses.summaries.get("oks")
        if self.oks is not None and summary is not None and not summary.p95.value >= self.oks:
            sentences.append(
                f"5% of the people have an OKS of {summary.p95.value:.3g} or less (the lowest is "
                f"{summary.worst.value:.3g} on {summary.worst.image}), budget {self.oks:g}"
            )
        return sentences


def parse_budget(texts: Sequence[str]) -> Budget:
    """Return the budget of texts such as ``1px`` and ``0.99oks``, one for each unit.

    Raises:
        InputError: there is no text, one is not a number with a unit, its number is out of range, or two have
            the same unit.
    """
    if not texts:
        raise InputError(f"`budget`: no limit; expected {EXPECTED}")
    amounts: dict[str, float] = {}
    for text in texts:
        name, value = _parse(text)
        if name in amounts:
            raise InputError(f"`budget={text}`: a second limit for this unit; pass one limit for each unit")
        amounts[name] = value
    return Budget(
        px=amounts.get("px"),
        mm=amounts.get("mm"),
        oks=amounts.get("oks"),
        unmatched_percent=amounts.get("unmatched_percent"),
    )


def _parse(text: str) -> tuple[str, float]:
    parts = _AMOUNT.fullmatch(text)
    unit = parts["unit"].lower() if parts else ""
    value = _number(parts["number"]) if parts else None
    if unit not in UNITS or value is None:
        raise InputError(f"`budget={text}`: expected {EXPECTED}")
    low, high = RANGES.get(unit, (0.0, float("inf")))
    if not low <= value <= high:
        bounds = f"{low:g} to {high:g}" if unit in RANGES else f"at least {low:g}"
        space = "" if unit == "%" else " "
        raise InputError(f"`budget={text}`: expected {bounds}{space}{unit}")
    return UNITS[unit], value


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value < float("inf") else None


def _format_excess(summary: Summary, unit: str) -> str:
    worst = f"{summary.worst.value:.3g} {unit} at worst, on {summary.worst.image}"
    return f"{summary.p95.value:.3g} {unit} at the 95th percentile ({worst})"
