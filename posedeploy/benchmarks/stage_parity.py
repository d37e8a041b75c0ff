"""The stages of a candidate, each compared on the input of the same stage of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from posedeploy.benchmarks.pose_comparison import PoseComparison

StageName: TypeAlias = Literal["preprocessing", "network", "decoding"]
StageStatus: TypeAlias = Literal["same", "within limits", "different", "not compared"]
PASSING: frozenset[StageStatus] = frozenset({"same", "within limits"})


@dataclass(frozen=True, kw_only=True)
class StageParity:
    """One stage of a candidate, where the other stages are those of the reference.

    status: ``same`` means no difference, ``within limits`` a difference that passes. differences: between the
    descriptions of this stage, such as "contract.fit is crop instead of pad". max_relative: of the outputs,
    as in ``OutputParity.rtol``. paired: the effect of this stage alone on the poses. Both are None if nothing
    was measured. failures: faults without an effect on outputs and poses. note: the reason if the stage was
    not compared.
    """

    stage: StageName
    status: StageStatus
    differences: tuple[str, ...] = ()
    max_relative: float | None = None
    paired: PoseComparison | None = None
    failures: tuple[str, ...] = ()
    note: str = ""

    def describe_fault(self) -> str | None:
        """Return a sentence with the differences in the description of this stage, if it does not pass.

        None if it passes, or if its description has no differences.
        """
        if self.status != "different" or not self.differences:
            return None
        return f"the difference is in the {self.stage}: {', '.join(self.differences)}"


def is_in_decoding_only(stages: Sequence[StageParity]) -> bool:
    """Return whether the decoding differs and the stages before it pass, so that the outputs of the network
    are right."""
    return bool(stages) and all(
        stage.status == "different" if stage.stage == "decoding" else stage.status in PASSING
        for stage in stages
    )
