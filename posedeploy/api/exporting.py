"""Export of a model, with calibration images for quantized ones."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial

from posedeploy.api.budget_fitting import fit_budget, read_budget
from posedeploy.api.decoding_check import check_decoding
from posedeploy.api.open_models import open_pytorch_runner
from posedeploy.api.recovering import build_recovery
from posedeploy.argument_types import check_arguments
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.calibration.collect import FindPeople, collect
from posedeploy.convert import export as converting
from posedeploy.convert.export_options import ExportOptions, ignore_progress
from posedeploy.convert.prepare import Graphs
from posedeploy.families import has_decoding, poses_of
from posedeploy.keypoint_descriptions import find_missing_description
from posedeploy.poses.crops import BOX_FITS
from posedeploy.poses.preprocess import prepare
from posedeploy.types import (
    Array,
    Artifact,
    CalibrationSet,
    Camera,
    Model,
    ModelSpec,
    OnProgress,
    RunOptions,
    StrPath,
)


@check_arguments
def export(
    model: Model,
    targets: str | Iterable[str],
    folder: StrPath,
    stem: str | None = None,
    options: ExportOptions | None = None,
    on_progress: OnProgress = ignore_progress,
) -> list[Artifact]:
    """Convert a model to each target and write ``STEM.SUFFIX`` with its manifest to ``folder``.

    Sidecar files are written there too; the artifact does not need them. Files of an earlier export that this
    one does not replace are removed.

    Args:
        targets: one name of ``backends.TARGETS``, or several.
        stem: the beginning of the files' names; None takes the checkpoint's name and, for other precisions
            than FP32, the precision, as in ``human-fp16``.

    Raises:
        DeviceError: this machine cannot run a target, so its budget cannot be measured.
        ExportError: no target has this name, the network cannot be exported to it with these options, the
            budget cannot be met, or the stem is not a file name; if a program in an isolated environment
            failed, its log is ``STEM.ENVIRONMENT.log`` there.
        InputError: no calibration image can be used, or the network takes none; or the outputs of your own
            network do not decode into poses.
        IsolatedEnvironmentError: an environment that a converter needs is missing or broken.
        OutputError: the folder cannot be written.
        MissingPackageError: a package that the target or the precision needs is not installed.
    """
    return export_again(model, targets, folder, stem, options or ExportOptions(), on_progress, {})


def export_again(
    model: Model,
    targets: str | Iterable[str],
    folder: StrPath,
    stem: str | None,
    options: ExportOptions,
    on_progress: OnProgress,
    graphs: Graphs,
) -> list[Artifact]:
    """Convert a model as ``export`` does, with the ONNX graphs of its earlier exports, which it adds to."""

    def calibrate(spec: ModelSpec, options: ExportOptions) -> CalibrationSet:
        on_progress("reading the calibration images", None)
        with ExitStack() as opened:
            find_people = _person_finder(model, opened)
            sources, count = options.calibration, options.calibration_images
            return collect(spec, sources, count, find_people, holds_out=options.holds_out_images)

    if model.network is not None:
        check_decoding(model)
    budget = read_budget(model, options)
    fit = partial(fit_budget, model, budget) if budget is not None else None
    recover = build_recovery(model, options)
    return converting.export(
        model, targets, folder, stem, options, on_progress, calibrate, fit, recover, graphs
    )


def _person_finder(model: Model, opened: ExitStack) -> FindPeople | None:
    """Return a function that counts the people in an image with PyTorch; None for other kinds of networks.

    Args:
        opened: closes the runner.
    """
    spec = model.spec
    finds = has_decoding(spec.family) and spec.contract is not None and spec.contract.fit not in BOX_FITS
    if not finds or find_missing_description(spec):
        return None
    spec = with_fixed_size(spec)
    runner = opened.enter_context(open_pytorch_runner(model, RunOptions()))
    decode = poses_of(spec.family).decode

    def find_people(image: Array) -> int:
        tensors, placement = prepare(image, spec)
        return len(decode(runner.run(tensors), spec, placement, Camera()))

    return find_people
