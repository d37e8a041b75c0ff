"""Whether artifacts give the same poses as PyTorch on their checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Unpack

from posedeploy.api.model_args import (
    ArtifactSource,
    ModelArgs,
    ModelKeywords,
    list_models,
    optional_path,
    path_of,
)
from posedeploy.api.open_models import open_described, run_options
from posedeploy.api.parity_case import compare_with_pytorch
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.parity_report import ParityReport
from posedeploy.benchmarks.budget import parse_budget
from posedeploy.benchmarks.parity import Parity
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import DeviceError, InputError, MissingPackageError
from posedeploy.types import Artifact, Model, OnProgress, Precision, StrPath


def compare(
    artifacts: ArtifactSource | Iterable[ArtifactSource],
    images: StrPath | None = None,
    *,
    device: str = "cpu",
    precision: Precision = "fp32",
    threads: int | None = None,
    runtime: str | None = None,
    checkpoint: StrPath | None = None,
    rtol: float | None = None,
    max_px: float | None = None,
    max_mm: float | None = None,
    budget: str | Iterable[str] | None = None,
    noise_floor: bool = False,
    on_progress: OnProgress = ignore_progress,
    **model_args: Unpack[ModelKeywords],
) -> ParityReport:
    """Compare artifacts with PyTorch on the checkpoint that they were exported from.

    The inputs are noise, synthetic people and, where given, images. One artifact of several that cannot run
    here is reported in the result, and the others are compared.

    Args:
        images: an image, or a folder of images, to compare on as well.
        precision: what the runtime computes a float32 file in.
        threads: None is one per physical core.
        runtime: None takes the default of each target.
        checkpoint: compare with it, in place of the one in the manifest.
        rtol: tolerance of each output, relative to its largest value; None takes that of the precision, and
            twice the noise floor of PyTorch passes as well.
        max_px: tolerance of keypoints in px at the 99th percentile; None takes that of the precision.
        max_mm: the same for 3D joints and vertices in mm.
        budget: limits of the differences of poses, person by person, which decide in place of these
            tolerances: ``1px`` (keypoints refined between the cells of heatmaps, 95th percentile), ``0.5mm``,
            ``0.99oks`` or ``2%`` (keypoints on one side only); one, or several in a list.
        noise_floor: measure PyTorch's own noise also where the verdict does not need it.
        model_args: as ``ModelKeywords`` documents them: what describes the artifacts and their checkpoint.

    Raises:
        PoseDeployError: an artifact or its checkpoint cannot be opened, or the only one cannot run here.
    """
    args = ModelArgs.of(model_args)
    options = ParityOptions(
        images=optional_path(images),
        checkpoint=optional_path(checkpoint),
        runtime=runtime,
        rtol=rtol,
        max_px=max_px,
        max_mm=max_mm,
        budget=None if budget is None else parse_budget([budget] if isinstance(budget, str) else [*budget]),
        noise_floor=noise_floor,
    )
    # All are opened before any is compared, so that a missing file is reported at once.
    opened = [open_described(source, args) for source in _exported(artifacts)]
    running = run_options(device, precision, threads)
    results: list[Parity] = []
    refused: dict[str, str] = {}
    for artifact in opened:
        try:
            results.append(compare_with_pytorch(artifact, running, options, args, on_progress))
        except (DeviceError, MissingPackageError) as error:
            if len(opened) == 1:
                raise
            refused[str(artifact.path)] = str(error)
    return ParityReport(tuple(results), refused)


def _exported(artifacts: ArtifactSource | Iterable[ArtifactSource]) -> Iterator[Artifact | Path]:
    for source in list_models(artifacts):
        if isinstance(source, Model):
            raise InputError(
                f"{path_of(source)}: a checkpoint, which is what artifacts are compared with; export it first"
            )
        yield source
