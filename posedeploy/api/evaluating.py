"""How well a network finds the annotated people in images."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from posedeploy.api.annotated_images import find_images
from posedeploy.api.annotation_checks import check_annotations, unmatched
from posedeploy.api.evaluation_report import EvaluationReport
from posedeploy.api.model_args import ModelArgs, ModelKeywords, ModelSource, optional_path, path_of, single
from posedeploy.api.open_models import open_detector, run_options
from posedeploy.api.person_sources import PersonArgs, open_box_source
from posedeploy.api.reporting import report_steps
from posedeploy.benchmarks import evaluation
from posedeploy.benchmarks.annotations import AnnotatedImage, Annotations, read_annotations
from posedeploy.benchmarks.detections import common_keypoints
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError, MissingPackageError
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Frame
from posedeploy.predict.images import read_picture
from posedeploy.types import OnProgress, Poses, Precision, StrPath

logger = logging.getLogger(__name__)


def evaluate(
    model: ModelSource | None,
    annotations: StrPath,
    images: StrPath,
    *,
    device: str = "cpu",
    precision: Precision = "fp32",
    threads: int | None = None,
    runtime: str | None = None,
    limit: int | None = None,
    refine: bool = False,
    detector: StrPath | None = None,
    detector_spec: StrPath | None = None,
    on_progress: OnProgress = ignore_progress,
    **model_args: Unpack[ModelKeywords],
) -> EvaluationReport:
    """Score a network on annotated images: COCO's keypoint AP and AR by OKS. Needs pycocotools.

    Args:
        model: an artifact, a checkpoint or the path of either; None is the built-in sample.
        annotations: a JSON file of COCO keypoints.
        images: the folder of its images.
        limit: score this many images, the first ones of the file; None is all.
        refine: positions lie between the cells of the heatmaps, for a network that has some; published
            results do not.
        detector: the model that finds the people first, for a network of one person.
        detector_spec: the TOML file that describes a third-party detector.
        model_args: as ``ModelKeywords`` documents them.

    Raises:
        InputError: the annotations or all images cannot be used, or the network does not find people.
        PoseDeployError: the model cannot be opened or run as asked.
    """
    if limit is not None and limit < 1:
        raise InputError(f"`limit={limit}`: it is at least 1")
    source = None if model is None else single(model)
    annotations, folder = Path(annotations), Path(images)
    persons = PersonArgs(detector=optional_path(detector), contract=optional_path(detector_spec))
    options = run_options(device, precision, threads, "throughput")
    on_progress(f"reading {annotations}", None)
    annotated = read_annotations(annotations, limit)
    paths, missing = find_images(annotated, folder)
    annotated = _of_files(annotated, paths, missing)
    with ExitStack() as opened:
        on_progress(f"loading {path_of(source)}", None)
        runner, artifact = open_detector(source, options, ModelArgs.of(model_args), runtime)
        opened.enter_context(runner)
        finder = open_box_source(persons, artifact.spec, options, opened)
        predictor = Predictor(runner, artifact.spec, boxes=finder.find if finder else None, refine=refine)
        common = common_keypoints(annotated.keypoint_names, artifact.spec.keypoint_names, predictor.sigmas)
        few = tuple(unmatched(annotated, artifact.spec, common))
        annotated = replace(annotated, remarks=(*annotated.remarks, *check_annotations(annotated), *few))
        for remark in annotated.remarks:
            logger.warning(f"{annotations}: {remark}")
        evaluation.check_people(annotated, common)
        problems: list[str] = []
        with closing(_found(predictor, annotated, paths, problems)) as found:
            result = evaluation.evaluate(
                str(artifact.path),
                runner.runtime_info,
                annotated,
                common,
                found,
                report_steps(on_progress, f"finding people in {folder}"),
            )
    annotated = replace(annotated, remarks=(*annotated.remarks, *problems))
    return EvaluationReport(result, annotated, artifact, persons.detector, is_refined=refine)


def _of_files(annotations: Annotations, paths: Mapping[int | str, Path], missing: str) -> Annotations:
    """The annotations of the images that are there, with the sizes of the files where they give none."""
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
    found = annotations.select_images(sizes)
    return replace(
        found, remarks=(*found.remarks, *([missing] if missing else []), *map(_left_out, problems))
    )


def _size_of(image: AnnotatedImage, path: Path) -> tuple[int, int]:
    if image.width and image.height:
        return image.width, image.height
    height, width = read_picture(path).pixels.shape[:2]
    return width, height


def _left_out(reason: object) -> str:
    return f"{reason}; left out, with the people in it"


def _found(
    predictor: Predictor, annotations: Annotations, paths: Mapping[int | str, Path], problems: list[str]
) -> Generator[tuple[int, Poses], None, None]:
    """The people in each image, with its place among those annotated. One that cannot be read or looked at is
    left out, with the reason in ``problems``.

    Raises:
        InputError: none is left.
    """
    refused: list[str] = []
    done = 0
    with closing(predictor.stream(_frames(annotations, paths, refused), refused)) as stream:
        for frame, poses in stream:
            yield frame.index, poses
            done += 1
    if not done:
        raise InputError(refused[0])
    problems += map(_left_out, refused)
    for problem in problems:
        logger.warning(problem)


def _frames(annotations: Annotations, paths: Mapping[int | str, Path], refused: list[str]) -> Iterator[Frame]:
    """The images one by one, each as it is asked for."""
    for index, image in enumerate(annotations.images):
        try:
            picture = read_picture(paths[image.id])
            _check_size(paths[image.id], picture.pixels.shape[:2], image)
        except (InputError, MissingPackageError) as error:
            refused.append(str(error))
            continue
        if picture.remark is not None:
            logger.info(f"{image.file_name}: {picture.remark}")
        yield Frame(image.file_name, picture.pixels, index)


def _check_size(path: Path, found: tuple[int, ...], image: AnnotatedImage) -> None:
    if found != (image.height, image.width):
        raise InputError(
            f"{path}: is {found[1]}x{found[0]} px and the annotations are of {image.width}x{image.height}; "
            "name the images that were annotated"
        )
