"""``posedeploy evaluate``: COCO's keypoint AP and AR on annotated images."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from posedeploy import artifact_files
from posedeploy.benchmarks.annotations import AnnotatedImage, Annotations, read_annotations
from posedeploy.benchmarks.detections import Detection, common_keypoints
from posedeploy.benchmarks.evaluation import Evaluation, SliceName, check_people, evaluate
from posedeploy.benchmarks.machine_info import this_machine
from posedeploy.benchmarks.oks import THRESHOLDS
from posedeploy.commands.evaluate_annotations import check_annotations, unmatched
from posedeploy.commands.evaluate_images import find_images
from posedeploy.console.load_model import SAMPLE, ModelArgs, open_finder
from posedeploy.console.output import check_json, counting, out, say, show, warn, working, write_json
from posedeploy.console.person_source import PersonArgs, finder_of
from posedeploy.console.tables import running, table
from posedeploy.errors import InputError, MissingPackageError
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Frame
from posedeploy.predict.images import read_picture
from posedeploy.printable import counted
from posedeploy.types import Artifact, Poses, RunOptions

PEOPLE: dict[SliceName, str] = {"all": "all", "large": "at least 1/3 of the image high"}


@dataclass(frozen=True)
class EvaluateOptions:
    """On how many of the images (None: all), on which runtime, and what finds the people for a network that
    looks at one at a time."""

    limit: int | None = None
    runtime: str | None = None
    where: PersonArgs = field(default_factory=PersonArgs)


def run(
    path: Path | None,
    annotations_path: Path,
    folder: Path,
    options: RunOptions,
    settings: EvaluateOptions,
    described: ModelArgs,
    json: Path | None,
) -> None:
    """Evaluate one model and show the table."""
    if settings.limit is not None and settings.limit < 1:
        raise InputError(f"--limit {settings.limit}: it is at least 1")
    check_json(json)
    with working(f"reading {annotations_path}"):
        annotations = read_annotations(annotations_path, settings.limit)
    paths, missing = find_images(annotations, folder)
    annotations = _of_files(annotations, paths, missing)
    with ExitStack() as opened:
        with working(f"loading {path or SAMPLE}"):
            runner, artifact = open_finder(path, options, described, settings.runtime)
        opened.enter_context(runner)
        finder = finder_of(settings.where, artifact.spec, options, opened)
        predictor = Predictor(runner, artifact.spec, boxes=finder.find if finder else None)
        common = common_keypoints(annotations.keypoint_names, artifact.spec.keypoint_names, predictor.sigmas)
        few = tuple(unmatched(annotations, artifact.spec, common))
        doubts = check_annotations(annotations)
        annotations = replace(annotations, remarks=(*annotations.remarks, *doubts, *few))
        for remark in annotations.remarks:
            warn(f"{annotations_path}: {remark}")
        check_people(annotations, common)
        problems: list[str] = []
        with (
            counting(f"finding people in {folder}") as on_progress,
            closing(_found(predictor, annotations, paths, problems)) as found,
        ):
            result = evaluate(
                str(artifact.path),
                runner.runtime_info,
                annotations,
                common,
                found,
                on_progress,
            )
    annotations = replace(annotations, remarks=(*annotations.remarks, *problems))
    _show(result)
    if json is not None:
        write_json(json, document(result, annotations, artifact, settings.where.detector))


def document(
    result: Evaluation, annotations: Annotations, artifact: Artifact, detector: Path | None = None
) -> dict[str, Any]:
    """The result as a versioned document; ``detections`` are as COCO's own tools read results."""
    return {
        "format": "posedeploy.evaluate",
        "version": 1,
        "machine": asdict(this_machine()),
        "label": result.label,
        "model_sha256": artifact_files.hashes_of(artifact),
        "runtime_info": asdict(result.runtime_info),
        "detector": None if detector is None else str(detector),
        "annotations": str(annotations.path),
        "annotations_sha256": annotations.sha256,
        "images": result.images,
        "height": artifact.spec.contract.height if artifact.spec.contract is not None else None,
        "keypoints": result.keypoints,
        "left_out": result.left_out,
        "remarks": annotations.remarks,
        "thresholds": THRESHOLDS,
        "slices": [
            asdict(part)
            | {
                "ap": part.ap,
                "ap50": part.ap50,
                "ap75": part.ap75,
                "ar": part.ar,
                "ar50": part.ar50,
                "ar75": part.ar75,
            }
            for part in result.slices
        ],
        "detections": [_result(detection, annotations.category_id) for detection in result.detections],
    }


def evaluation_table(result: Evaluation) -> Table:
    """The averages, for all people and for the large ones."""
    made = table(None, ["people"], ["number", "AP", "AP50", "AP75", "AR", "AR50", "AR75"])
    for part in result.slices:
        averages = (part.ap, part.ap50, part.ap75, part.ar, part.ar50, part.ar75)
        shown = ("" if value is None else f"{value:.3f}" for value in averages)
        made.add_row(PEOPLE[part.name], str(part.people), *shown)
    return made


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
        warn(problem)


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
            say(f"{image.file_name}: {picture.remark}")
        yield Frame(image.file_name, picture.pixels, index)


def _check_size(path: Path, found: tuple[int, ...], image: AnnotatedImage) -> None:
    if found != (image.height, image.width):
        raise InputError(
            f"{path}: is {found[1]}x{found[0]} px and the annotations are of {image.width}x{image.height}; "
            "name the images that were annotated"
        )


def _show(result: Evaluation) -> None:
    out.print(result.label, style="bold", markup=False, soft_wrap=True)
    out.print(escape(running(result.runtime_info)), style="dim", soft_wrap=True)
    show(evaluation_table(result))
    found = counted(len(result.detections), "person", "people")
    line = f"{found} found in {counted(result.images, 'image')}; {len(result.keypoints)} keypoints scored"
    if result.left_out:
        line += f", not {', '.join(result.left_out)}, which the network or the annotations lack"
    out.print(line, markup=False)


def _result(detection: Detection, category: int) -> dict[str, Any]:
    return {
        "image_id": detection.image_id,
        "category_id": category,
        "keypoints": np.round(detection.keypoints, 3).ravel().tolist(),
        "score": detection.score,
    }
