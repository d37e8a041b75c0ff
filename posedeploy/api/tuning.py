"""Search for the best way to deploy a network within a budget of pose differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Unpack

from posedeploy.api.load_checkpoint import open_pytorch_model
from posedeploy.api.model_args import ModelArgs, ModelKeywords, ModelSource, is_sample, list_paths, to_source
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.tuning_candidates import CandidateOpener, open_baseline
from posedeploy.api.tuning_context import SearchContext
from posedeploy.api.tuning_errors import PoseErrors, check_decodable
from posedeploy.api.tuning_files import ModelFiles
from posedeploy.api.tuning_inputs import check_calibration, collect_inputs
from posedeploy.api.tuning_options import TuneOptions, build_space, check_sizes
from posedeploy.api.tuning_outputs import check_replaced
from posedeploy.api.tuning_report import TuningReport
from posedeploy.api.tuning_result import ResultWriter
from posedeploy.api.tuning_search import Search
from posedeploy.api.tuning_settings import settings_of
from posedeploy.argument_types import check_arguments
from posedeploy.benchmarks.budget import Budget, parse_budget
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.convert.export_options import CALIBRATION_IMAGES, ignore_progress
from posedeploy.errors import InputError, OutputError
from posedeploy.staging.file_lock import holder_of, try_lock
from posedeploy.tuning.configurations import ImageSize, Objective
from posedeploy.tuning.deadline import Deadline
from posedeploy.tuning.state import open_state
from posedeploy.types import Artifact, Model, OnProgress, StrPath

TIME_S = 600.0
LOCK_NAME = ".posedeploy-tune.lock"


@check_arguments
def tune(
    model: ModelSource | None,
    folder: StrPath,
    budget: str | Iterable[str],
    *,
    device: str = "cpu",
    objective: Objective = "latency",
    time_s: float = TIME_S,
    images: StrPath | Iterable[StrPath] | None = None,
    calibration: Iterable[StrPath] = (),
    calibration_images: int = CALIBRATION_IMAGES,
    targets: Iterable[str] = (),
    input_size: Iterable[ImageSize] = (),
    batch: Iterable[int] = (),
    threads: Iterable[int] = (),
    on_progress: OnProgress = ignore_progress,
    **model_args: Unpack[ModelKeywords],
) -> TuningReport:
    """Find the target, runtime, precision, thread count, input size and batch that are best by an objective
    while the poses stay within a budget.

    ``folder`` gets the winner with its manifest, ``parity.json``, ``tune.json`` and ``tune.svg``. Finished
    steps are kept there, so that a call with the same settings continues an interrupted search.

    Args:
        model: a checkpoint, loaded or as a path; None or ``sample`` for the built-in sample.
        budget: as for ``compare``: limits of the differences from PyTorch at its published input size, such
            as ``1px``.
        objective: ``latency`` and ``throughput`` minimize the time per image, one by one or with many in
            flight, and ``size`` the size of the files.
        time_s: the time limit of this call in seconds. The step that is running then is completed.
        images: measure errors also on these images, or on the images of these folders; at most 128 of them.
        calibration: as for ``ExportOptions``, for quantized candidates.
        calibration_images: the same.
        targets: the names of the targets to try; empty for all that are installed.
        input_size: the values to try, as (height, width) in px; the first is tried with every target. Empty
            for the published size and three quarters of it.
        batch: the same for images per run. Empty for 1, and also 4 for ``throughput``.
        threads: the same for CPU threads. Empty for all physical cores, half of them and 1.
        model_args: the fields of ``ModelKeywords``.

    Returns:
        The report. Its ``winner`` is None if no candidate is within the budget.

    Raises:
        InputError: an argument is invalid, PyTorch finds no people in the inputs, or ``folder`` holds a
            search with other settings.
        DeviceError: PyTorch does not have the device.
        OutputError: ``folder`` cannot be written, another search uses it, or it contains a file that the
            result could replace and this search did not write.
        PoseDeployError: the checkpoint cannot be loaded.
        KeyboardInterrupt: on Ctrl-C; finished steps are kept.
    """
    if not 0 < time_s < float("inf"):
        raise InputError(f"`time_s={time_s:g}`: expected a number of seconds above 0")
    deadline = Deadline(time_s)
    args = ModelArgs.of(model_args)
    on_progress("reading the checkpoint", None)
    opened_model = _open_model(model, args)
    check_decodable(opened_model)
    limits = parse_budget([budget] if isinstance(budget, str) else [*budget])
    options = TuneOptions(
        budget=_complete_budget(limits, opened_model),
        device=device,
        objective=objective,
        images=list_paths(images),
        calibration=tuple(map(str, calibration)),
        calibration_images=calibration_images,
        targets=tuple(dict.fromkeys(targets)),
        input_sizes=tuple(dict.fromkeys(input_size)),
        batches=tuple(dict.fromkeys(batch)),
        threads=tuple(dict.fromkeys(threads)),
    )
    check_sizes(opened_model, options)
    spec = opened_model.spec
    check_calibration(spec, options.images, options.calibration, options.calibration_images)
    with _reserved(Path(folder)):
        return _tune(opened_model, args, options, Path(folder), deadline, on_progress)


def _tune(
    model: Model,
    args: ModelArgs,
    options: TuneOptions,
    folder: Path,
    deadline: Deadline,
    on_progress: OnProgress,
) -> TuningReport:
    space, left_out = build_space(model.spec, options)
    machine = describe_machine(options.device)
    settings = settings_of(model, args, options, space, machine)
    state = open_state(folder, settings)

    def save() -> None:
        state.save(folder)

    files = ModelFiles(model, options, folder, state, save, on_progress)
    models = (files.path_of(file).name for file in space.model_files)
    check_replaced(folder, models, state.outputs)
    try:
        with ExitStack() as opened:
            threads = space.threads[0]
            inputs = collect_inputs(model.spec, options.images)
            writer = ResultWriter(
                model=model,
                args=args,
                options=options,
                folder=folder,
                state=state,
                model_files=files,
                images=inputs.files,
                machine=machine,
                left_out=tuple(left_out),
                deadline=deadline,
                on_progress=on_progress,
            )
            baseline = open_baseline(model, options, threads, opened)
            on_progress("finding the people with PyTorch", None)
            errors = PoseErrors(model, inputs, threads)
            opener = CandidateOpener(files, options, state, save, deadline, on_progress)
            context = SearchContext(
                opener=opener,
                files=files,
                errors=errors,
                baseline=baseline,
                budget=options.budget,
                objective=options.objective,
                state=state,
                save=save,
                deadline=deadline,
                on_progress=on_progress,
            )
            search = Search(space, context, opened)
            search.run()
            return writer.write(search)
    except KeyboardInterrupt as pressed:
        kept = f"finished steps are kept in {folder}; run the same command again to continue"
        raise KeyboardInterrupt(kept) from pressed


def _open_model(source: ModelSource | None, args: ModelArgs) -> Model:
    source = None if source is None else to_source(source)
    if isinstance(source, Model):
        return source
    if isinstance(source, Artifact):
        raise InputError(f"{source.path}: an artifact; expected the checkpoint that it was exported from")
    return open_pytorch_model(None if is_sample(source) else source, args)


def _complete_budget(budget: Budget, model: Model) -> Budget:
    """Return the budget with the defaults of quantized models for what it does not limit.

    Raises:
        InputError: the network does not have what the budget limits.
    """
    completed = ParityOptions(budget=budget).budget_for(model.spec, "int8", has_poses=True)
    assert completed is not None, "a budget was passed"
    return completed


@contextmanager
def _reserved(folder: Path) -> Iterator[None]:
    """Create a folder if necessary, and lock it for this search. A new folder that stays empty is removed.

    Raises:
        OutputError: it cannot be created, or another search uses it.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = try_lock(folder / LOCK_NAME)
    except OSError as error:
        raise OutputError(f"{folder}: cannot write here ({error.strerror}); choose another folder") from error
    if lock is None:
        raise OutputError(
            f"{folder}: {holder_of(folder / LOCK_NAME) or 'another process'} runs a search there; wait "
            "until it ends, or pass another folder"
        )
    try:
        with lock:
            yield
    finally:
        if is_new:
            with suppress(OSError):  # it is not empty
                folder.rmdir()
