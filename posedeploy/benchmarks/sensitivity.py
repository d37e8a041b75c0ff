"""What a comparison proves: the known mistakes that would show in its poses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from posedeploy.benchmarks.stage_parity import StageName


@dataclass(frozen=True)
class MistakeTrial:
    """A known mistake, tried on the reference.

    stage: where it is. name: completes "as if". shown_on: the first input on which it moves the poses by more
    than the limits; None if it does so on no input that was tried.
    """

    stage: StageName
    name: str
    shown_on: str | None = None


@dataclass(frozen=True)
class Sensitivity:
    """The known mistakes that would show in the poses.

    inputs: the names of the inputs on which they were tried. images: those of them that the user passed.
    runs: the number of runs of the reference on changed inputs.
    """

    trials: tuple[MistakeTrial, ...]
    inputs: tuple[str, ...]
    images: tuple[str, ...] = ()
    runs: int = 0

    @property
    def hidden(self) -> tuple[str, ...]:
        """The mistakes that would not show."""
        return tuple(trial.name for trial in self.trials if trial.shown_on is None)

    @property
    def proves_nothing(self) -> bool:
        """Whether mistakes were tried, and none would show on any input."""
        return bool(self.trials) and len(self.hidden) == len(self.trials)

    @property
    def images_prove_nothing(self) -> bool:
        """Whether mistakes were tried on images that the user passed, and none would show on them."""
        is_tried = bool(self.trials and self.images)
        return is_tried and not any(trial.shown_on in self.images for trial in self.trials)


class ProofResult(Protocol):
    """Whether a comparison, and the images that the user passed, prove nothing."""

    @property
    def proves_nothing(self) -> bool: ...

    @property
    def images_prove_nothing(self) -> bool: ...


def describe_doubt(sensitivity: ProofResult | None) -> str:
    """Return why a comparison that passed proves nothing; empty if it proves something."""
    if sensitivity is None:
        return ""
    if sensitivity.proves_nothing:
        return "the inputs prove nothing"
    return "the images that you passed prove nothing" if sensitivity.images_prove_nothing else ""
