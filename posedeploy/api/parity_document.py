"""The JSON of ``posedeploy parity``, as far as a report shows it. NaN is null there, so that is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.machine_info import Machine
from posedeploy.benchmarks.measure_summaries import WorstPoint, describe_place
from posedeploy.benchmarks.parity import describe_verdict
from posedeploy.benchmarks.sensitivity import describe_doubt
from posedeploy.types import RuntimeInfo


@dataclass(frozen=True, kw_only=True)
class OutputDifference:
    """The differences of one output; ``max_relative`` is relative to its largest value."""

    name: str
    max_absolute: float | None = None
    max_relative: float | None = None
    max_relative_tolerance: float | None = None
    cosine: float | None = None


@dataclass(frozen=True)
class ShownValue:
    """A value, and the image that shows it."""

    value: float | None
    image: str = ""


@dataclass(frozen=True)
class WorstValue(WorstPoint, ShownValue):
    """The worst value with its point."""

    @property
    def place(self) -> str:
        """Where the value is."""
        return describe_place(self.image, self.person, self.point)


@dataclass(frozen=True, kw_only=True)
class MeasureSummary:
    """The distribution of one measure of ``paired``."""

    count: int
    median: ShownValue
    p95: ShownValue
    worst: WorstValue


@dataclass(frozen=True, kw_only=True)
class PairedPoses:
    """The people of both models, matched one to one."""

    people: int
    missed: int
    extra: int
    keypoints: int
    unmatched_keypoints: int
    unmatched_share: float | None = None
    uncompared_joints: int = 0
    ambiguous: int = 0
    measures: Mapping[str, MeasureSummary] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FrameSwitches:
    """The identity switches in one frame."""

    frame: str
    candidate: int
    reference: int


@dataclass(frozen=True, kw_only=True)
class ComparedVideo:
    """The added jitter and the identity switches of one video."""

    video: str
    frames: int
    jitter: Mapping[str, MeasureSummary] = field(default_factory=dict)
    candidate_switches: int = 0
    reference_switches: int = 0
    switches: tuple[FrameSwitches, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MistakeTrial:
    """A known mistake, and the input on which it would show; None if on none."""

    stage: str
    name: str
    shown_on: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """The known mistakes that would show in the poses."""

    inputs: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    proves_nothing: bool = False
    images_prove_nothing: bool = False
    mistakes: tuple[MistakeTrial, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StagePoses:
    """The differences of poses that one stage causes."""

    unmatched_keypoints: int = 0
    measures: Mapping[str, MeasureSummary] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StageVerdict:
    """The verdict on one stage."""

    stage: str
    status: str
    differences: tuple[str, ...] = ()
    max_relative: float | None = None
    paired: StagePoses | None = None
    failures: tuple[str, ...] = ()
    note: str = ""

    @property
    def reasons(self) -> str:
        """What differs, and why the stage has its verdict."""
        return "; ".join((*self.differences, *self.failures, *filter(None, [self.note])))


@dataclass(frozen=True)
class AgainstFile:
    """The artifact that was the reference instead of PyTorch."""

    path: str


@dataclass(frozen=True, kw_only=True)
class ParityRow:
    """The comparison of one artifact with PyTorch, or with another artifact."""

    label: str
    runtime_info: RuntimeInfo
    passed: bool
    failures: tuple[str, ...] = ()
    outputs: tuple[OutputDifference, ...] = ()
    reference_precision: str = "fp32"
    model_sha256: Mapping[str, str] = field(default_factory=dict)
    budget: Budget | None = None
    paired: PairedPoses | None = None
    videos: tuple[ComparedVideo, ...] = ()
    sensitivity: Sensitivity | None = None
    stages: tuple[StageVerdict, ...] = ()
    against: AgainstFile | None = None

    @property
    def reference_name(self) -> str:
        """What the artifact was compared with: PyTorch, or the path of an artifact."""
        return "PyTorch" if self.against is None else self.against.path

    @property
    def verdict(self) -> str:
        """The conclusion, as ``Parity.verdict``."""
        has_budget = self.budget is not None and self.paired is not None
        return describe_verdict(
            self.reference_name, self.reference_precision, passed=self.passed, has_budget=has_budget
        )

    @property
    def doubt(self) -> str:
        """Why a comparison that passed proves nothing; else empty."""
        return describe_doubt(self.sensitivity)

    @property
    def max_relative(self) -> float | None:
        """The largest difference of all outputs, relative to the largest value of each."""
        known = [output.max_relative for output in self.outputs if output.max_relative is not None]
        return max(known) if known and len(known) == len(self.outputs) else None

    def p95(self, measure: str) -> float | None:
        """Return the 95th percentile of a measure of the poses; None if it is unknown."""
        summary = self.paired.measures.get(measure) if self.paired is not None else None
        return summary.p95.value if summary is not None else None


@dataclass(frozen=True, kw_only=True)
class ParityDocument:
    """The content of the file, as in ``ParityReport``."""

    machine: Machine
    results: tuple[ParityRow, ...]
    errors: Mapping[str, str] = field(default_factory=dict)
