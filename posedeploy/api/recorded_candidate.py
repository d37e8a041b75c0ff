"""The outputs of one artifact on all inputs of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from posedeploy import artifact_files
from posedeploy.api.decoding_pair import pair_decodings
from posedeploy.api.parity_case import ParityCase
from posedeploy.api.parity_options import ParityOptions
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.runner_comparison import PairedInputs
from posedeploy.benchmarks.tolerances import coarsest_precision
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner, resolve_spec
from posedeploy.types import Artifact, ModelSpec, OnProgress, Ranges, RunOptions

BuildPairs: TypeAlias = Callable[[ModelSpec, Ranges], PairedInputs]
"""Returns the inputs for an artifact with this spec, within these ranges of its runner."""


def run_artifact(
    artifact: Artifact,
    options: RunOptions,
    settings: ParityOptions,
    build_pairs: BuildPairs,
    on_progress: OnProgress,
    reference: ModelSpec | None = None,
) -> ParityCase:
    """Run an artifact on all inputs.

    It runs before the reference, because TF32 is a setting of the process.

    Args:
        reference: the description of the reference; None decodes both sides by that of the candidate.

    Raises:
        PoseDeployError: the artifact does not run with these options, or there are no inputs for it.
    """
    with open_runner(artifact, options, settings.runtime) as runner:
        spec = resolve_spec(artifact, runner)
        adapted = adapt_runner(runner, spec)
        pairs = build_pairs(spec, adapted.ranges)
        described = replace(artifact, spec=spec)
        case = record_outputs(described, adapted, pairs, settings, on_progress, reference)
    reopen = partial(_open_adapted, artifact, options, settings.runtime)
    return replace(case, model_sha256=artifact_files.hashes_of(artifact), reopen=reopen)


@contextmanager
def _open_adapted(artifact: Artifact, options: RunOptions, runtime: str | None) -> Iterator[Runner]:
    with open_runner(artifact, options, runtime) as runner:
        yield adapt_runner(runner, resolve_spec(artifact, runner))


def record_outputs(
    artifact: Artifact,
    runner: Runner,
    pairs: PairedInputs,
    settings: ParityOptions,
    on_progress: OnProgress,
    reference: ModelSpec | None = None,
    *,
    runs_again: bool = True,
) -> ParityCase:
    """Run a candidate on all inputs.

    Args:
        artifact: with the spec of its tensors.
        runner: with the tensors that decoding needs.
        reference: the description of the reference; None decodes both sides by that of the candidate.
        runs_again: whether the runner also takes inputs that are prepared by the reference's contract.

    Raises:
        InputError: the network does not have what the user's budget limits.
    """
    spec = artifact.spec
    precision = coarsest_precision(runner.runtime_info.precision, artifact.precision)
    decodings = pair_decodings(reference or spec, spec)
    case = ParityCase(
        label=str(artifact.path),
        spec=spec,
        candidate=CachingRunner(runner),
        precision=precision,
        pairs=pairs,
        tolerance=settings.tolerance(precision),
        decodings=decodings,
        budget=settings.budget_for(spec, precision, has_poses=decodings.decode is not None),
        on_progress=on_progress,
        runs_again=runs_again,
    )
    report = case.report_steps("running")
    for number, (_, candidate_input) in enumerate(pairs):
        case.candidate.run(candidate_input.tensors)
        if runs_again and candidate_input.as_reference is not None:
            case.candidate.run(candidate_input.as_reference.tensors)
        report(number + 1, len(pairs))
    return case
