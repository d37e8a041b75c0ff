"""Export with `recover`: train a network for INT8, and write the better file of each target."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import count as count_up
from pathlib import Path

from posedeploy.api.budget_inputs import HeldOutInputs, build_held_out_inputs
from posedeploy.api.budget_trials import (
    compare_trial,
    describe_trial,
    measure_output_error,
    measured_choice,
    move_trial,
)
from posedeploy.api.decoding_pair import build_decode
from posedeploy.api.open_models import open_pytorch_runner
from posedeploy.backends import Target
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.calibration.held_out import MIN_IMAGES, PARTS, count_calibrating, is_held_out
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.export import Converter, Recover
from posedeploy.convert.export_options import QUANTIZED, ExportOptions
from posedeploy.convert.layer_choice import write_all_quantized
from posedeploy.convert.prepare import Graphs, Prepared
from posedeploy.convert.recovery.distill import SEED, Schedule, Trained
from posedeploy.convert.recovery.recover import METHOD, recover
from posedeploy.errors import InputError
from posedeploy.printable import counted
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.types import (
    CalibrationSet,
    Model,
    RecoveryMeasure,
    RecoveryRecord,
    RunOptions,
    Tensors,
)

logger = logging.getLogger(__name__)


class Recovery:
    """Trains a network once, and writes the better of two files for each target: with the original weights
    and with the trained ones."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._trained: Trained | None = None
        self._graphs: Graphs = {}  # of the trained network
        self._held_out: HeldOutInputs | None = None

    def convert(
        self, target: Target, convert: Converter, finish: Converter | None, prepared: Prepared, path: Path
    ) -> Conversion:
        """Write the better file of a target.

        Args:
            convert: writes a file with all layers in INT8.
            finish: writes the file with the selected weights again, such as under a budget; None keeps the
                file in INT8.

        Raises:
            ExportError: the network cannot be trained or converted.
            InputError: there are too few images, or none can be used.
            DeviceError: this machine cannot run the target.
        """
        calibration = prepared.calibrate()
        training, validation = _split(calibration, prepared.options)
        if self._held_out is None:
            self._held_out = build_held_out_inputs(
                self._model.spec, prepared.spec, prepared.options, calibration.record
            )
        if self._trained is None:
            minutes = prepared.options.recover
            assert minutes is not None, "convert is only called with recover"
            schedule = Schedule(60 * minutes, prepared.options.recover_steps)
            self._trained = recover(prepared, training, validation, schedule)
        trained = prepared.with_module(self._trained.network, self._graphs)
        with ExitStack() as opened:
            # In the folder of the export, where the next export removes the files of a killed one.
            folder = tempfile.TemporaryDirectory(prefix="trials-", dir=path.parent)
            folders = Path(opened.enter_context(folder))
            runner = opened.enter_context(open_pytorch_runner(self._model, RunOptions()))
            reference = CachingRunner(adapt_runner(runner, self._model.spec))
            opened.callback(reference.close)
            before, first = self._write(
                convert, prepared, target, folders / "original" / path.name, reference
            )
            after, second = self._write(convert, trained, target, folders / "trained" / path.name, reference)
            is_better = after.output_error < before.output_error
            if not is_better:
                logger.warning(
                    f"`recover`: training did not improve the file for {target.name} ({before}; after "
                    f"{self._trained.total_steps} steps: {after}), so it has the original weights; train "
                    "longer, or on more images"
                )
            chosen, conversion = (trained, second) if is_better else (prepared, first)
            if finish is None:
                move_trial(folders / ("trained" if is_better else "original") / path.name, path)
        if finish is not None:
            conversion = finish(chosen, path)
        record = RecoveryRecord(
            method=METHOD,
            minutes=prepared.options.recover or 0.0,
            steps=self._trained.steps,
            total_steps=self._trained.total_steps,
            seed=SEED,
            images=len(training),
            validation=len(validation),
            held_out=len(self._held_out),
            before=before,
            after=after,
            is_used=is_better,
        )
        return replace(conversion, recovery=record)

    def _write(
        self, convert: Converter, prepared: Prepared, target: Target, path: Path, reference: CachingRunner
    ) -> tuple[RecoveryMeasure, Conversion]:
        """Write and measure a file with all layers in INT8."""
        assert self._held_out is not None, "convert builds them first"
        path.parent.mkdir()
        conversion = convert(replace(prepared, write_quantized=write_all_quantized), path)
        prepared.on_progress("measuring the file", None)
        decode = build_decode(prepared.spec)
        artifact = describe_trial(path, target.name, prepared.spec, conversion)
        parity = compare_trial(artifact, reference, self._held_out, decode)
        poses = None if parity.paired is None else measured_choice(parity.paired)
        error = math.sqrt(measure_output_error(parity, prepared.spec))
        return RecoveryMeasure(output_error=error, poses=poses), conversion


def _split(
    calibration: CalibrationSet, options: ExportOptions
) -> tuple[Sequence[Tensors], Sequence[Tensors]]:
    """Return the inputs to train on, and those that select the weights.

    Raises:
        InputError: there are too few.
    """
    inputs, count = calibration.inputs, len(calibration.inputs)
    if count < PARTS:
        record = calibration.record
        people = "person", "people"
        number = counted(record.count, *(("calibration image",) if record.pixels else people))
        raise InputError(
            f"`recover={options.recover:g}`: {number} in {counted(count, 'batch', 'batches')}, too few to "
            f"train on; {_describe_remedy(calibration, options)}"
        )
    kept = [position for position in range(count) if not is_held_out(position, count)]
    return _Part(inputs, kept), _Part(inputs, sorted({*range(count)} - {*kept}))


def _describe_remedy(calibration: CalibrationSet, options: ExportOptions) -> str:
    if not calibration.record.pixels:  # each of these is a whole batch
        return f"pass `calibration_images={PARTS}` or more"
    batch = len(next(iter(calibration.inputs[0].values())))
    needed = (PARTS - 1) * batch + 1  # the last batch is filled
    if options.calibration and options.holds_out_images:
        needed = next(number for number in count_up(needed) if count_calibrating(number) >= needed)
        needed = max(MIN_IMAGES, needed)
    remedy = f"`calibration_images={needed}` or more"
    if options.calibration:
        remedy = f"at least {needed} images as `calibration`, with {remedy}"
    return f"pass {remedy}" + (", or export with `batch=1`" if batch > 1 else "")


class _Part(Sequence[Tensors]):
    """The inputs at some positions, read when they are used."""

    def __init__(self, inputs: Sequence[Tensors], positions: Sequence[int]) -> None:
        self._inputs, self._positions = inputs, positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: int) -> Tensors:  # type: ignore[override]
        return self._inputs[self._positions[index]]


def build_recovery(model: Model, options: ExportOptions) -> Recover | None:
    """Return the function that trains the weights of an export; None without `recover`.

    Raises:
        InputError: the options do not allow it.
    """
    if options.recover is None:
        if options.recover_steps is not None:
            raise InputError(
                f"`recover_steps={options.recover_steps}`: only valid with `recover`; add `recover`, or "
                "leave `recover_steps` out"
            )
        return None
    if not 0 < options.recover < math.inf:
        raise InputError(f"`recover={options.recover:g}`: expected a number of minutes above 0")
    if options.recover_steps is not None and options.recover_steps < 1:
        raise InputError(f"`recover_steps={options.recover_steps}`: expected at least 1")
    if options.precision not in QUANTIZED:
        raise InputError(
            f"`recover={options.recover:g}`: only valid with `precision={' or '.join(QUANTIZED)}`; pass one "
            "of these, or leave `recover` out"
        )
    return Recovery(model).convert
