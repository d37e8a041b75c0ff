"""The stages of an artifact, each compared alone: its preprocessing, its network and its decoding.

Each stage gets the input that the reference's stage gets, and the stages after it are those of the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from posedeploy.api.decoding_pair import UNDECODABLE, UndecodableError
from posedeploy.api.parity_case import ParityCase
from posedeploy.benchmarks.comparable_contract import describe_embedded_steps
from posedeploy.benchmarks.description_differences import list_preprocessing_differences
from posedeploy.benchmarks.diagnosis import Cause
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.pose_comparison import LOWEST_IS_WORST, PoseComparison
from posedeploy.benchmarks.runner_comparison import PairedInputs
from posedeploy.benchmarks.stage_parity import StageName, StageParity, StageStatus
from posedeploy.runtimes.base import Runner
from posedeploy.types import ModelSpec

Pair = tuple[NetworkInput, NetworkInput]
ROUNDING = 1e-9
"""A Procrustes alignment of equal poses is not exact."""
NO_EFFECT = "no effect on these inputs"
NOT_RUN = "the artifact did not run on this machine"


def compare_stages(
    case: ParityCase, reference_spec: ModelSpec, reference: Runner, result: Parity
) -> tuple[StageParity, ...]:
    """Compare each stage of a candidate.

    Only a stage whose description differs from that of the reference is measured, so a correct artifact
    needs no additional runs.

    Args:
        case: with the tolerance of ``result``.
        reference: returns the outputs that ``result`` was judged against.
    """
    preprocessing = _compare_preprocessing(case, reference_spec)
    note = "; ".join(filter(None, [preprocessing.note, describe_embedded_steps(reference_spec, case.spec)]))
    preprocessing = replace(preprocessing, note=note)
    is_changed = preprocessing.max_relative is not None
    decoding = _compare_decoding(case, reference)
    return (preprocessing, _compare_network(case, reference, result, is_changed=is_changed), decoding)


def add_stages(case: ParityCase, reference_spec: ModelSpec, reference: Runner, result: Parity) -> Parity:
    """Return the result with its stages, if it has none yet."""
    if result.stages:
        return result
    case = replace(case, tolerance=result.tolerance)
    return replace(result, stages=compare_stages(case, reference_spec, reference, result))


def _compare_preprocessing(case: ParityCase, reference: ModelSpec) -> StageParity:
    if case.spec.contract is None and case.spec.joints is None:
        return _not_compared("preprocessing", "the artifact has no description of its preprocessing")
    if _list_descriptions(case.spec) != _list_descriptions(reference):
        kinds = "the artifact and the reference describe different kinds of inputs"
        missing = "the reference has no description of its preprocessing"
        return _not_compared("preprocessing", kinds if any(_list_descriptions(reference)) else missing)
    differences = list_preprocessing_differences(reference, case.spec)
    if not differences:
        return StageParity(stage="preprocessing", status="same")
    if not any(theirs.as_reference for _, theirs in case.pairs):
        return StageParity(stage="preprocessing", status="same", differences=differences, note=NO_EFFECT)
    if not case.runs_again:
        return _not_compared("preprocessing", NOT_RUN, differences)
    pairs = ChangedPairs(case.pairs, lambda _, theirs: (theirs.as_reference or theirs, theirs))
    return judge("preprocessing", case.compare_runners(case.candidate, case.candidate, pairs), differences)


def _list_descriptions(spec: ModelSpec) -> list[bool]:
    return [each is not None for each in (spec.contract, spec.joints)]


def _compare_network(case: ParityCase, reference: Runner, result: Parity, *, is_changed: bool) -> StageParity:
    """Compare the network on the reference's input.

    Args:
        is_changed: whether the artifact prepares its inputs in another way.
    """
    if not case.is_network_comparable:
        return _not_compared("network", NOT_RUN)
    if not is_changed and case.decodings.decode_candidate is None:
        return judge("network", result)
    pairs = ChangedPairs(case.pairs, lambda ours, theirs: (ours, theirs.as_reference or theirs))
    return judge("network", case.compare_runners(reference, case.candidate, pairs, result.floor))


def _compare_decoding(case: ParityCase, reference: Runner) -> StageParity:
    pair = case.decodings
    if pair.note:
        return _not_compared("decoding", pair.note)
    if pair.decode_candidate is None:
        status: StageStatus = "different" if pair.failures else "same"
        return StageParity(
            stage="decoding", status=status, differences=pair.differences, failures=pair.failures
        )
    pairs = ChangedPairs(case.pairs, lambda ours, theirs: (_with_placements(ours, theirs),) * 2)
    try:
        parity = case.compare_runners(reference, reference, pairs, decodings=pair)
    except UndecodableError as error:
        failure = UNDECODABLE.format(error)
        return StageParity(
            stage="decoding",
            status="different",
            differences=pair.differences,
            failures=(failure, *pair.failures),
        )
    stage = judge("decoding", parity, pair.differences)
    if not pair.failures:
        return stage
    return StageParity(
        stage="decoding",
        status="different",
        differences=stage.differences,
        paired=stage.paired,
        failures=pair.failures,
    )


def _with_placements(ours: NetworkInput, theirs: NetworkInput) -> NetworkInput:
    """Return the reference's input with placements; an input of a reference file has none."""
    placements = ours.placements or (theirs.as_reference or theirs).placements
    return NetworkInput(ours.name, ours.tensors, placements, ours.image)


def judge(stage: StageName, parity: Parity, differences: tuple[str, ...] = ()) -> StageParity:
    """Return the verdict of a comparison in which only this stage differs."""
    max_relative = max((output.rtol for output in parity.outputs), default=0.0)
    has_poses = parity.paired is None or _has_people(parity.paired)
    is_same = max_relative == 0 and (parity.paired is None or _is_same(parity.paired))
    status: StageStatus = "within limits" if parity.differences_pass else "different"
    note = ""
    if is_same:
        status, note = "same", NO_EFFECT if differences else ""
    elif parity.budget is not None and not has_poses:
        status, note = "not compared", "neither model finds people"
    return StageParity(
        stage=stage,
        status=status,
        differences=differences,
        max_relative=max_relative,
        paired=parity.paired,
        note=note,
    )


def attribute(stage: StageParity, remaining: StageParity, cause: Cause) -> StageParity:
    """Return the stage with its share of the fault; ``remaining`` is the network without the mistake."""
    if stage.stage == cause.stage:
        return replace(stage, status="different", note=cause.description)
    if stage.stage == "network":
        return replace(remaining, note=remaining.note or "after this mistake is taken into account")
    return stage


def _has_people(paired: PoseComparison) -> bool:
    return paired.people + paired.missed + paired.extra > 0


def _is_same(paired: PoseComparison) -> bool:
    worst = {measure: summary.worst.value for measure, summary in paired.summaries.items()}
    return paired.unmatched_keypoints == 0 and all(
        abs(value - (measure in LOWEST_IS_WORST)) <= ROUNDING for measure, value in worst.items()
    )


def _not_compared(stage: StageName, note: str, differences: tuple[str, ...] = ()) -> StageParity:
    return StageParity(stage=stage, status="not compared", differences=differences, note=note)


@dataclass(frozen=True)
class ChangedPairs:
    """The inputs of a comparison, each changed when it is used."""

    pairs: PairedInputs
    change: Callable[[NetworkInput, NetworkInput], Pair]

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[Pair]:
        return (self.change(ours, theirs) for ours, theirs in self.pairs)
