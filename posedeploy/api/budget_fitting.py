"""Export under a budget: put layers back to floating point until the poses are close enough to PyTorch."""

from __future__ import annotations

import logging
import math
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from posedeploy.api.budget_inputs import HeldOutInputs, build_held_out_inputs
from posedeploy.api.budget_reference import compare_jpegs, describe_held_out
from posedeploy.api.budget_trials import BudgetTrials, Trial, move_trial, open_trial
from posedeploy.api.decoding_pair import build_decode
from posedeploy.api.model_args import format_paths
from posedeploy.api.open_models import open_pytorch_runner
from posedeploy.api.parity_options import ParityOptions
from posedeploy.backends import Target
from posedeploy.benchmarks import timing
from posedeploy.benchmarks.budget import Budget, parse_budget
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.layer_search import count_trials, search
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.export_options import BUDGET_MINUTES, QUANTIZED, ExportOptions
from posedeploy.convert.layer_choice import QuantizableNetwork
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError, InputError
from posedeploy.predict.image_files import open_several
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.types import (
    BudgetRecord,
    MeasuredChoice,
    Model,
    ModelSpec,
    RunOptions,
    Tensors,
)

RUNS, WARM_UP = 20, 3
"""The timed and the untimed runs of each file."""
logger = logging.getLogger(__name__)


def read_budget(model: Model, options: ExportOptions) -> Budget | None:
    """Return the budget of an export, with defaults for what it does not limit; None without one.

    Raises:
        InputError: a limit is not of this network, an option of the budget does not fit, or ``images`` has no
            images.
    """
    if not options.budget:
        _check_unused(options)
        return None
    if options.precision == "fp32":
        raise InputError(
            f"`budget={options.budget[0]}`: only exports below fp32 have a budget; pass a lower "
            "`precision`, or use posedeploy parity --budget"
        )
    if not 0 < options.budget_minutes < math.inf:
        raise InputError(f"`budget_minutes={options.budget_minutes:g}`: expected a number of minutes above 0")
    if options.images:
        open_several(tuple(map(Path, options.images)))  # so that a wrong path fails at once
    precision = "int8" if options.precision in QUANTIZED else options.precision
    settings = ParityOptions(budget=parse_budget(options.budget))
    has_poses = build_decode(model.spec) is not None
    return settings.budget_for(model.spec, precision, has_poses=has_poses)


def _check_unused(options: ExportOptions) -> None:
    if options.images and options.recover is None:
        raise InputError(
            f"`images={format_paths(options.images)}`: only valid with `budget` or `recover`; add one of "
            "these, or leave `images` out"
        )
    if options.budget_minutes != BUDGET_MINUTES:
        raise InputError(
            f"`budget_minutes={options.budget_minutes:g}`: only valid with `budget`; add `budget`, or leave "
            "`budget_minutes` out"
        )


def fit_budget(
    model: Model, budget: Budget, prepared: Prepared, target: Target, network: QuantizableNetwork, path: Path
) -> Conversion:
    """Write a network with the fewest float layers, most sensitive first, whose poses stay within a budget.

    Args:
        network: without layers, the file is already at ``path`` and is only measured.
        path: the path of the model file.

    Raises:
        ExportError: even with all layers in floating point, the poses are not within the budget.
        InputError: PyTorch finds no people in the held-out inputs, or none of them can be used.
        DeviceError: this machine cannot run the target.
    """
    options = prepared.options
    calibration = prepared.calibrate().record if options.needs_calibration(target.name) else None
    prepared.on_progress("reading the held-out images", None)
    inputs = build_held_out_inputs(model.spec, prepared.spec, options, calibration)
    decode = build_decode(prepared.spec)
    assert decode is not None, "the caller checked the budget"
    with ExitStack() as opened:
        # In the folder of the export, where the next export removes the files of a killed one.
        trial_folder = tempfile.TemporaryDirectory(prefix="trials-", dir=path.parent)
        folder = Path(opened.enter_context(trial_folder))
        runner = opened.enter_context(open_pytorch_runner(model, RunOptions()))
        reference = CachingRunner(adapt_runner(runner, model.spec))
        opened.callback(reference.close)
        held_out = describe_held_out(inputs, reference, decode, prepared.on_progress)
        trials = BudgetTrials(
            network=network,
            target=target.name,
            spec=prepared.spec,
            path=path,
            folder=folder,
            reference=reference,
            inputs=inputs,
            decode=decode,
            budget=budget,
            deadline=time.monotonic() + 60 * options.budget_minutes,
            limit=count_trials(len(network.layers)),
            on_progress=prepared.on_progress,
        )
        choice = search(network.layers, trials)
        names = trials.all_names if choice.float_layers is None else choice.float_layers
        chosen = trials.kept[frozenset(names)]
        prepared.on_progress("timing the network", None)
        before, after, pytorch_ms = _time(trials.kept[frozenset()], chosen, runner, inputs, prepared.spec)
        if choice.float_layers is None:
            raise _budget_error(chosen, before, after, prepared)
        if names and len(names) == len(network.layers):
            raise _nothing_in_int8_error(len(names), choice.is_complete, prepared)
        record = BudgetRecord(
            budget=str(budget),
            held_out=held_out,
            layers=len(network.layers),
            float_layers=choice.float_layers,
            before=before,
            after=after,
            pytorch_ms=pytorch_ms,
            jpeg=compare_jpegs(inputs, reference, decode, prepared.spec),
            trials=trials.count,
            is_complete=choice.is_complete,
        )
        move_trial(chosen.artifact.path, path)
    return replace(chosen.conversion, budget=record)


def _nothing_in_int8_error(layers: int, is_complete: bool, prepared: Prepared) -> ExportError:
    options = prepared.options
    if is_complete:
        reason = f"met only with all {layers} layers put back to floating point; allow larger differences"
    else:
        reason = (
            f"`budget_minutes={options.budget_minutes:g}` was not enough to find INT8 layers that meet it; "
            "allow more minutes or larger differences"
        )
    return ExportError(f"`budget={', '.join(options.budget)}`: {reason}, or use `precision=fp32`")


def _time(
    before: Trial, after: Trial, pytorch: Runner, inputs: HeldOutInputs, spec: ModelSpec
) -> tuple[MeasuredChoice, MeasuredChoice, float]:
    """Return two trials with the medians of their times, and that of PyTorch, timed in the same rounds."""
    reference, candidate = next(iter(inputs))
    trials = {trial.float_layers: trial for trial in (before, after)}
    with ExitStack() as opened:
        runners = [opened.enter_context(open_trial(trial.artifact)) for trial in trials.values()]
        loaded = [_load(adapt_runner(runner, spec), candidate.tensors) for runner in runners]
        times = timing.measure([*loaded, _load(pytorch, reference.tensors)], runs=RUNS, warm_up=WARM_UP)
    for each in times:
        if each.warning is not None:
            logger.warning(each.warning)
    medians = dict(zip(trials, (time.median_ms for time in times), strict=False))
    timed = [replace(each.measured, median_ms=medians[each.float_layers]) for each in (before, after)]
    return timed[0], timed[1], times[-1].median_ms


def _load(runner: Runner, tensors: Tensors) -> timing.Candidate:
    return timing.load(runner.runtime_info.runtime, lambda: runner, lambda opened: tensors)


def _budget_error(
    best: Trial, before: MeasuredChoice, after: MeasuredChoice, prepared: Prepared
) -> ExportError:
    precision = prepared.options.precision
    reached = f"{after} (all layers in INT8: {before})" if best.float_layers else str(after)
    what = (
        f"even with all {len(best.float_layers)} layers put back to floating point"
        if best.float_layers
        else f"in {precision}, where no layer can be put back to floating point"
    )
    return ExportError(
        f"`budget={prepared.options.budget[0]}`: cannot be met {what}: {'; '.join(best.failures)}. Reached: "
        f"{reached}. Allow larger differences, or choose a higher `precision`"
    )
