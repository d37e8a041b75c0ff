"""Evaluate a network on annotated images."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias, Unpack

from posedeploy.api.annotated_images import find_images
from posedeploy.api.annotation_checks import check_annotations, warn_of_unmatched
from posedeploy.api.evaluation_report import EvaluationReport
from posedeploy.api.model_args import (
    ModelArgs,
    ModelKeywords,
    ModelSource,
    format_paths,
    get_path,
    list_paths,
    optional_path,
    to_source,
)
from posedeploy.api.open_models import open_detector
from posedeploy.api.person_sources import PersonArgs, open_box_source
from posedeploy.api.reporting import report_steps
from posedeploy.argument_types import check_arguments
from posedeploy.benchmarks import evaluation
from posedeploy.benchmarks.annotations import AnnotatedImage, Annotations, read_annotations
from posedeploy.benchmarks.detections import match_keypoints
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError, MissingPackageError
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Frame
from posedeploy.predict.images import read_picture
from posedeploy.types import OnProgress, Poses, Precision, RunOptions, StrPath

logger = logging.getLogger(__name__)
StreamPoses: TypeAlias = Callable[
    [Predictor, Annotations, Mapping[int | str, Path], list[str]], Generator[tuple[int, Poses], None, None]
]
"""Yields the index and the people of each image, in order. For each image that cannot be used, it appends a
message to the list."""


@check_arguments
def evaluate(
    model: ModelSource | None,
    annotations: StrPath,
    images: StrPath | Iterable[StrPath],
    *,
    device: str = "cpu",
    precision: Precision | None = None,
    threads: int | None = None,
    runtime: str | None = None,
    limit: int | None = None,
    refine: bool = False,
    detector: StrPath | None = None,
    detector_spec: StrPath | None = None,
    stream_poses: StreamPoses | None = None,
    on_progress: OnProgress = ignore_progress,
    **model_args: Unpack[ModelKeywords],
) -> EvaluationReport:
    """Score a network on annotated images: COCO's keypoint AP and AR by OKS. Needs pycocotools.

    Args:
        model: an artifact, a checkpoint or the path of either; None means the built-in sample.
        annotations: a JSON file of COCO keypoints.
        images: the folder of its images, or several folders, which are searched in order.
        limit: the number of images to score, from the start of the file; None means all.
        refine: compute positions between the cells of the heatmaps, for a network that has heatmaps;
            published results do not.
        detector: the model that detects the people, for a single-person network.
        detector_spec: the TOML file that describes a third-party detector.
        stream_poses: computes the poses elsewhere, as ``evaluate_on_ray`` does; None uses this process.
        model_args: the fields of ``ModelKeywords``.

    Raises:
        InputError: the annotations or all images cannot be used, or the network does not detect people.
        PoseDeployError: the model cannot be opened or run with these arguments.
    """
    if limit is not None and limit < 1:
        raise InputError(f"`limit={limit}`: expected at least 1")
    source = None if model is None else to_source(model)
    annotations, folders = Path(annotations), list_paths(images)
    persons = PersonArgs(detector=optional_path(detector), contract=optional_path(detector_spec))
    options = RunOptions(device, precision, threads, "throughput")
    on_progress(f"reading {annotations}", None)
    annotated = read_annotations(annotations, limit)
    paths, missing = find_images(annotated, folders)
    annotated = _select_readable(annotated, paths, missing)
    with ExitStack() as opened:
        on_progress(f"loading {get_path(source)}", None)
        runner, artifact = open_detector(source, options, ModelArgs.of(model_args), runtime)
        opened.enter_context(runner)
        boxes = open_box_source(persons, artifact.spec, options, opened)
        predictor = Predictor(runner, artifact.spec, boxes=boxes.find if boxes else None, refine=refine)
        common = match_keypoints(annotated.keypoint_names, artifact.spec.keypoint_names, predictor.sigmas)
        warnings = (*check_annotations(annotated), *warn_of_unmatched(annotated, artifact.spec, common))
        annotated = replace(annotated, remarks=(*annotated.remarks, *warnings))
        for remark in annotated.remarks:
            logger.warning(f"{annotations}: {remark}")
        evaluation.check_people(annotated, common)
        problems: list[str] = []
        stream = stream_poses or _stream_in_process
        with closing(_take_usable(stream, predictor, annotated, paths, problems)) as predictions:
            result = evaluation.evaluate(
                str(artifact.path),
                runner.runtime_info,
                annotated,
                common,
                predictions,
                report_steps(on_progress, f"detecting people in {format_paths(folders)}"),
            )
    annotated = replace(annotated, remarks=(*annotated.remarks, *problems))
    return EvaluationReport(result, annotated, artifact, persons.detector, is_refined=refine)


def _select_readable(annotations: Annotations, paths: Mapping[int | str, Path], missing: str) -> Annotations:
    """Return the annotations of readable images, with the sizes of the files if the annotations have none."""
    sizes: dict[int | str, tuple[int, int]] = {}
    problems: list[InputError | MissingPackageError] = []
    for image in annotations.images:
        if image.id in paths:
            try:
                sizes[image.id] = _size_of(image, paths[image.id])
            except (InputError, MissingPackageError) as error:
                problems.append(error)
    if problems and not sizes:
        raise problems[0]
    selected = annotations.select_images(sizes)
    remarks = (*selected.remarks, *([missing] if missing else []), *map(_add_left_out, problems))
    return replace(selected, remarks=remarks)


def _size_of(image: AnnotatedImage, path: Path) -> tuple[int, int]:
    if image.width and image.height:
        return image.width, image.height
    height, width = read_picture(path).pixels.shape[:2]
    return width, height


def _add_left_out(reason: object) -> str:
    return f"{reason}; the image and its people are left out"


def _take_usable(
    stream_poses: StreamPoses,
    predictor: Predictor,
    annotations: Annotations,
    paths: Mapping[int | str, Path],
    problems: list[str],
) -> Generator[tuple[int, Poses], None, None]:
    """Yield the index and the people of each image; unusable images add a message to ``problems``.

    Raises:
        InputError: no image is usable.
    """
    errors: list[str] = []
    done = 0
    with closing(stream_poses(predictor, annotations, paths, errors)) as stream:
        for index, poses in stream:
            yield index, poses
            done += 1
    if not done:
        raise InputError(errors[0])
    problems += map(_add_left_out, errors)
    for problem in problems:
        logger.warning(problem)


def _stream_in_process(
    predictor: Predictor, annotations: Annotations, paths: Mapping[int | str, Path], errors: list[str]
) -> Generator[tuple[int, Poses], None, None]:
    with closing(predictor.stream(_read_frames(annotations, paths, errors), errors)) as stream:
        for frame, poses in stream:
            yield frame.index, poses


def _read_frames(
    annotations: Annotations, paths: Mapping[int | str, Path], errors: list[str]
) -> Iterator[Frame]:
    for index, image in enumerate(annotations.images):
        try:
            picture = read_picture(paths[image.id])
            check_annotated_size(paths[image.id], picture.pixels.shape[:2], image)
        except (InputError, MissingPackageError) as error:
            errors.append(str(error))
            continue
        if picture.remark is not None:
            logger.info(f"{image.file_name}: {picture.remark}")
        yield Frame(image.file_name, picture.pixels, index)


def check_annotated_size(path: Path, size: tuple[int, ...], image: AnnotatedImage) -> None:
    """Check the height and width of an image.

    Raises:
        InputError: they differ from those of the annotations.
    """
    if size != (image.height, image.width):
        raise InputError(
            f"{path}: {size[1]}x{size[0]} px, but {image.width}x{image.height} px in the annotations; use "
            "the images that were annotated"
        )
