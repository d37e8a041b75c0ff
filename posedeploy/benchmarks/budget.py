"""Budgets: limits of the differences between poses, written as ``1px``, ``0.5mm``, ``0.99oks`` or ``2%``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from posedeploy.benchmarks.measure_summaries import Summary
from posedeploy.benchmarks.pose_comparison import PoseComparison
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.errors import InputError
from posedeploy.printable import counted

UNITS: Mapping[str, str] = {"px": "px", "mm": "mm", "oks": "oks", "%": "unmatched_percent"}
"""The units of a budget, and the fields of ``Budget`` that they set."""
_AMOUNT = re.compile(r"\s*(?P<number>[-+]?[\d.]+(e[-+]?\d+)?)\s*(?P<unit>[a-z%]+)\s*", re.IGNORECASE)
EXPECTED = (
    "a number and one of the units px (keypoints), mm (3D joints, vertices and distances from the camera), "
    "oks (similarity of people) and % (unmatched keypoints, and 3D joints that cannot be compared), as in "
    "1px, 0.5mm, 0.99oks or 2%"
)
WHAT: Mapping[str, str] = {"px": "keypoints", "mm": "3D positions", "oks": "people"}
RANGES: Mapping[str, tuple[float, float]] = {"oks": (0.0, 1.0), "%": (0.0, 100.0)}

MAX_UNMATCHED_PERCENT = 2.0
"""The default of ``Budget.unmatched_percent``."""
DEPTH_FACTOR = 10.0
"""The default limit of the distance from the camera, relative to that of 3D joints: networks compute it from
the size of a person in the image, so that an error of 1% of this size is an error of 1% of the distance."""


@dataclass(frozen=True)
class MeasureLimit:
    """The limit of the 95th percentile of one measure of ``PoseComparison``."""

    what: str
    measure: str
    unit: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The differences of paired poses that pass. None does not limit a measure.

    px: 95th percentile of the distances of keypoints. mm: the same of 3D joints relative to the root, of
    vertices, and of the distances of people from the camera, which have ``DEPTH_FACTOR`` times the default.
    oks: the similarity that 95% of the people reach. unmatched_percent: keypoints found by only
    one of the two models, those of missed and extra people included, in percent of all; the 3D joints of
    matched people that cannot be compared have the same limit. defaults: the fields that the user did not
    set.
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

    @property
    def distances(self) -> tuple[MeasureLimit, ...]:
        """The limits in px and mm."""
        depth = DEPTH_FACTOR if "mm" in self.defaults else 1.0
        limits = (
            ("keypoints", "px", self.px, 1.0),
            ("3D joints", "joint_mm", self.mm, 1.0),
            ("distances from the camera", "depth_mm", self.mm, depth),
            ("vertices", "vertex_mm", self.mm, 1.0),
        )
        return tuple(
            MeasureLimit(what, measure, measure.rpartition("_")[2], factor * limit)
            for what, measure, limit, factor in limits
            if limit is not None
        )

    def failures(self, poses: PoseComparison) -> list[str]:
        """Return a sentence for each limit that is exceeded, or that has nothing to decide on."""
        if not poses.people + poses.missed + poses.extra:
            return [
                "neither model finds people, so there is nothing to compare; pass photographs as `images`"
            ]
        sentences = [*self._list_unmatched(poses)]
        for limit in self.distances:
            summary = poses.summaries.get(limit.measure)
            if summary is not None and not summary.p95.value <= limit.value:
                excess = _format_excess(summary, limit.unit)
                sentences.append(f"{limit.what} differ by {excess}, budget {limit.value:g} {limit.unit}")
        summary = poses.summaries.get("oks")
        if self.oks is not None and summary is not None and not summary.p95.value >= self.oks:
            sentences.append(
                f"5% of the people have an OKS of {summary.p95.value:.3g} or less (the lowest is "
                f"{summary.worst.value:.3g} on {summary.worst.place}), budget {self.oks:g}"
            )
        return sentences or self.list_undecided(poses)

    def _list_unmatched(self, poses: PoseComparison) -> Iterator[str]:
        """Yield a sentence if too many keypoints or 3D joints are found by only one of the models."""
        limit = self.unmatched_percent
        if limit is None:
            return
        total = poses.keypoints + poses.unmatched_keypoints
        if not 100 * poses.unmatched_share <= limit:
            yield (
                f"{poses.unmatched_keypoints} of {total} keypoints are unmatched "
                f"({100 * poses.unmatched_share:.3g}%, "
                f"{counted(poses.missed, 'person', 'people')} missed, {poses.extra} extra), budget {limit:g}%"
            )
        if self.mm is not None and not 100 * poses.uncompared_share <= limit:
            yield (
                f"{poses.uncompared_joints} of {poses.joints + poses.uncompared_joints} 3D joints cannot be "
                f"compared ({100 * poses.uncompared_share:.3g}%), because only one of the models finds the "
                f"joint or the root of its person, budget {limit:g}%"
            )

    def list_undecided(self, poses: PoseComparison) -> list[str]:
        """Return a sentence for each unit with a limit of which nothing was compared."""
        limits = {"px": self.px, "mm": self.mm, "oks": self.oks}
        return [
            f"no {uncompared[0]} were compared, because {uncompared[1]}, so the budget of "
            f"{limit:g} {unit} cannot be checked; pass other photographs as `images`"
            for unit, limit in limits.items()
            if limit is not None and (uncompared := _find_uncompared(unit, poses)) is not None
        ]


def _find_uncompared(unit: str, poses: PoseComparison) -> tuple[str, str] | None:
    """Return what a limit lacks, with the reason; None if it limits a value. Vertices do not stand in for
    3D joints."""
    has_lost_joints = not poses.joints and poses.uncompared_joints + poses.ambiguous_joints > 0
    if unit == "mm" and has_lost_joints:
        return "3D joints", _explain_joints(poses)
    if any(name.endswith(unit) for name in poses.summaries):
        return None
    return WHAT[unit], _explain_keypoints(unit, poses)


def _explain_joints(poses: PoseComparison) -> str:
    reasons = {
        "only one of the models finds the joint or the root of its person": poses.uncompared_joints,
        "the joint or the root of its person is ambiguous": poses.ambiguous_joints,
    }
    return " or ".join(reason for reason, count in reasons.items() if count)


def _explain_keypoints(unit: str, poses: PoseComparison) -> str:
    if not poses.people:
        return "no person is found by both models"
    if unit == "px" and poses.unmatched_keypoints:
        return "all are unmatched or ambiguous" if poses.ambiguous else "all are unmatched"
    if unit in ("px", "oks") and poses.ambiguous:
        return "all keypoints of the matched people are ambiguous"
    return "neither model finds any" if unit == "px" else "the matched people have none"


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
    worst = f"{summary.worst.value:.3g} {unit} at worst, on {summary.worst.place}"
    return f"{summary.p95.value:.3g} {unit} at the 95th percentile ({worst})"
