"""Comparison of artifacts with PyTorch on their checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from posedeploy import plugins
from posedeploy.api.artifact_comparison import compare_with_artifact, open_against
from posedeploy.api.compared_files import record_inputs
from posedeploy.api.model_args import (
    ArtifactSource,
    ModelArgs,
    ModelKeywords,
    get_path,
    is_sample,
    list_models,
    list_paths,
    optional_path,
)
from posedeploy.api.open_models import open_with_args
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.parity_report import ParityReport
from posedeploy.api.readable_images import DEFAULT_FRAMES, split_videos
from posedeploy.argument_types import check_arguments
from posedeploy.benchmarks.budget import parse_budget
from posedeploy.benchmarks.parity import Parity
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError, PoseDeployError
from posedeploy.types import Artifact, Model, OnProgress, Precision, RunOptions, StrPath


@check_arguments
def compare(
    artifacts: ArtifactSource | Iterable[ArtifactSource],
    images: StrPath | Iterable[StrPath] | None = None,
    *,
    frames: int | None = None,
    device: str = "cpu",
    precision: Precision | None = None,
    threads: int | None = None,
    runtime: str | None = None,
    checkpoint: StrPath | None = None,
    rtol: float | None = None,
    max_px: float | None = None,
    max_mm: float | None = None,
    budget: str | Iterable[str] | None = None,
    noise_floor: bool = False,
    reference: StrPath | None = None,
    save_reference: StrPath | None = None,
    collected_outputs: StrPath | None = None,
    against: ArtifactSource | None = None,
    against_contract: StrPath | None = None,
    on_progress: OnProgress = ignore_progress,
    **model_args: Unpack[ModelKeywords],
) -> ParityReport:
    """Compare artifacts with PyTorch on the checkpoint that they were exported from, or with an artifact.

    The inputs are generated (docs/parity.md lists them), and optionally images. If one of several artifacts
    cannot be compared, the report contains its error, and the others are compared.

    Args:
        images: also compare on these images, on the images of these folders, or on the frames of these
            videos; one path or several. For a video, the report contains the jitter that the artifact adds,
            and the identity switches.
        frames: the number of frames of each video, from its start; None means 100.
        precision: the precision of the arithmetic; None means the one that each artifact was exported for,
            ``fp32`` if it leaves that open; ``auto`` means the choice of the runtime.
        threads: None means one per physical core.
        runtime: None means the default of each target.
        checkpoint: the checkpoint to compare with, instead of the one in the manifest.
        rtol: tolerance of each output, relative to its largest value; None means that of the precision, or
            twice the noise floor of PyTorch if that is larger.
        max_px: tolerance of keypoints in px at the 99th percentile; None means that of the precision.
        max_mm: the same for 3D joints and vertices in mm.
        budget: limits of the differences of poses, person by person, instead of these tolerances: ``1px``
            (keypoints refined between the cells of heatmaps, 95th percentile), ``0.5mm``, ``0.99oks`` or
            ``2%`` (keypoints found by only one of the two models); one, or several in a list.
        noise_floor: measure the noise floor of PyTorch even if the verdict does not need it.
        reference: compare with the outputs of PyTorch in this reference file, on its inputs. Neither torch
            nor the checkpoint is needed.
        save_reference: write the inputs, and the outputs of PyTorch on them, to this reference file
            (safetensors).
        collected_outputs: the outputs that the artifact returned on another device for the inputs in
            ``reference``, in a safetensors file; the artifact is not run here.
        against: compare with this artifact of the same network, such as an FP32 original or the source of a
            conversion. Neither torch nor the checkpoint is needed.
        against_contract: a TOML file that describes ``against``; None means that ``contract`` or ``family``
            describes it too, if it has no manifest.
        model_args: the fields of ``ModelKeywords``; they describe the artifacts and their checkpoint.

    Raises:
        PoseDeployError: an artifact cannot be opened, or the only artifact, or each one for the same reason,
            cannot be compared.
    """
    budget = [budget] if isinstance(budget, str) else None if budget is None else [*budget]
    images = list_paths(images)
    inputs = record_inputs(images, {**locals(), **model_args})
    args = ModelArgs.of(model_args)
    options = ParityOptions(
        images=images,
        checkpoint=optional_path(checkpoint),
        runtime=runtime,
        rtol=rtol,
        max_px=max_px,
        max_mm=max_mm,
        budget=None if budget is None else parse_budget(budget),
        noise_floor=noise_floor,
        save_reference=optional_path(save_reference),
        frames=_count_frames(frames, images),
    )
    stored, collected = optional_path(reference), optional_path(collected_outputs)
    _check_reference(stored, collected, options, args)
    other_contract = optional_path(against_contract)
    _check_against(against, other_contract, stored, options, args)
    if collected is not None:
        _check_not_run(RunOptions(device, precision, threads), runtime)
    # All are opened before any is compared, so that a missing file is reported at once.
    opened = [open_with_args(source, args) for source in _list_artifacts(artifacts)]
    other = None if against is None else open_against(next(_list_artifacts(against)), args, other_contract)
    if save_reference is not None and len(opened) > 1:
        raise InputError(
            f"`save_reference={save_reference}`: one reference file holds the inputs of one artifact, and "
            f"{len(opened)} were passed; pass one"
        )
    if save_reference is not None:
        plugins.load("posedeploy.api.saved_reference:check_output", "reference")(Path(save_reference))
    results: list[Parity] = []
    errors: dict[str, str] = {}
    with _comparison(stored, collected, other, options, args, on_progress) as compare_one:
        for artifact in opened:
            run_options = RunOptions(device, precision, threads)
            try:
                results.append(compare_one(artifact, run_options))
            except PoseDeployError as error:
                errors[str(artifact.path)] = str(error)
                if len(errors) == len(opened) and len(set(errors.values())) == 1:
                    raise
    compared = replace(inputs, artifacts=tuple(opened)) if against is None else None
    return ParityReport(tuple(results), errors, compared=compared)


def _count_frames(frames: int | None, images: Sequence[Path]) -> int:
    """Return the number of frames of each video."""
    if frames is not None and not split_videos(images)[1]:
        raise InputError(f"`frames={frames}`: only valid with a video; also pass one as `images`")
    return DEFAULT_FRAMES if frames is None else frames


def _check_not_run(options: RunOptions, runtime: str | None) -> None:
    """Check that no option describes how to run an artifact whose outputs are collected."""
    for name, value, default in (
        ("device", options.device, "cpu"),
        ("precision", options.precision, None),
        ("threads", options.threads, None),
        ("runtime", runtime, None),
    ):
        if value != default:
            raise InputError(
                f"`collected_outputs` and `{name}={value}`: the artifact is not run; leave out `{name}`"
            )


@contextmanager
def _comparison(
    reference: Path | None,
    collected: Path | None,
    against: Artifact | None,
    options: ParityOptions,
    args: ModelArgs,
    on_progress: OnProgress,
) -> Iterator[Callable[[Artifact, RunOptions], Parity]]:
    """Yield the function that compares an artifact with the reference file or another artifact or, without
    these, with PyTorch."""
    if against is not None:
        yield lambda artifact, run: compare_with_artifact(artifact, run, options, against, on_progress)
        return
    if reference is not None:
        compare_with_reference = plugins.load(
            "posedeploy.api.reference_comparison:compare_with_reference", "reference"
        )
        yield lambda artifact, run: compare_with_reference(
            artifact, run, options, reference, collected, on_progress
        )
        return
    compare_with_pytorch = plugins.load("posedeploy.api.pytorch_parity:compare_with_pytorch")
    with plugins.load("posedeploy.api.reference_runners:ReferenceRunners")() as runners:
        yield lambda artifact, run: compare_with_pytorch(artifact, run, options, args, on_progress, runners)


def _check_against(
    against: ArtifactSource | None,
    contract: Path | None,
    reference: Path | None,
    options: ParityOptions,
    args: ModelArgs,
) -> None:
    """Check that no argument needs PyTorch, if an artifact is the reference."""
    if against is None:
        if contract is not None:
            raise InputError(f"`against_contract={contract}`: only valid with `against`; pass it too")
        return
    conflict = " exclude each other: with `against`, PyTorch is not used"
    _check_unset("against", conflict, {"reference": reference, **_list_pytorch_arguments(options, args)})


def _check_reference(
    reference: Path | None, collected: Path | None, options: ParityOptions, args: ModelArgs
) -> None:
    """Check that no option describes another reference, or other inputs, than the reference file."""
    if reference is None and collected is not None:
        raise InputError(
            f"`collected_outputs={collected}`: they belong to the inputs of a reference file; also pass "
            "`reference=FILE`"
        )
    if reference is None:
        return
    conflict = ": the reference file replaces PyTorch and its inputs"
    others = {"images": options.images or None, "mesh": args.mesh, **_list_pytorch_arguments(options, args)}
    _check_unset("reference", conflict, others)


def _list_pytorch_arguments(options: ParityOptions, args: ModelArgs) -> dict[str, object]:
    """Return the values of the arguments that need PyTorch, by name; None if one is not used."""
    return {
        "checkpoint": options.checkpoint,
        "network": args.network,
        "stages": args.stages,
        "weights": args.weights,
        "noise_floor": options.noise_floor or None,
        "save_reference": options.save_reference,
    }


def _check_unset(argument: str, conflict: str, others: Mapping[str, object]) -> None:
    """Check that no other argument is used together with this one."""
    for name, value in others.items():
        if value is not None:
            raise InputError(f"`{argument}` and `{name}`{conflict}; leave out one of the two")


def _list_artifacts(artifacts: ArtifactSource | Iterable[ArtifactSource]) -> Iterator[Artifact | Path]:
    for source in list_models(artifacts):
        if isinstance(source, Model) or is_sample(source):
            raise InputError(f"{get_path(source)}: a checkpoint; expected an artifact; export it first")
        yield source
