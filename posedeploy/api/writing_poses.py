"""Prediction on images, videos or a camera, with pictures and ``poses.json`` as output."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Unpack

from posedeploy.api.mesh_faces import load_faces
from posedeploy.api.model_args import ModelArgs, ModelKeywords, ModelSource, get_path, to_source
from posedeploy.api.open_models import open_model
from posedeploy.api.person_sources import PersonArgs, check_camera, open_box_source, open_joint_source
from posedeploy.argument_types import check_arguments, check_fields
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError
from posedeploy.keypoint_descriptions import are_numbered
from posedeploy.own_keypoints import GUIDE
from posedeploy.predict import run
from posedeploy.predict.camera import read_camera
from posedeploy.predict.frames import MAX_FPS, Source
from posedeploy.predict.joint_files.joint_formats import is_joints
from posedeploy.predict.joint_files.joint_source import JointsFile, JointsOptions
from posedeploy.predict.predict_options import MeshFormat, PredictOptions
from posedeploy.predict.run import Prediction
from posedeploy.predict.sources import open_source
from posedeploy.types import ModelSpec, OnProgress, Precision, RunOptions, StrPath

logger = logging.getLogger(__name__)


@check_fields
@dataclass(frozen=True, kw_only=True)
class PredictSettings:
    """The settings of a prediction.

    show: also show a window; None means only for a camera, if there is a display. draw: write pictures or a
    video. track, smooth: ids and smoothed keypoints in videos. fx: focal length in px, for 3D. extrinsics: a
    JSON file with R and t (cm), world to camera. persons: the source of the people. mesh_format: of the mesh
    files. fps: frames per second of images and of formats without times. joints: options for a file of 2D
    joints. recursive: also read the subfolders of a folder of images. refine: compute positions between the
    cells of the heatmaps, for a network that has heatmaps.
    """

    show: bool | None = None
    draw: bool = True
    track: bool = True
    smooth: bool = True
    fx: float | None = None
    extrinsics: Path | None = None
    persons: PersonArgs = field(default_factory=PersonArgs)
    mesh_format: MeshFormat = ".obj"
    fps: float | None = None
    joints: JointsOptions = field(default_factory=JointsOptions)
    recursive: bool = False
    refine: bool = False


@check_arguments
def write_poses(
    model: ModelSource,
    source: StrPath,
    output: StrPath,
    settings: PredictSettings | None = None,
    *,
    device: str = "cpu",
    precision: Precision | None = None,
    threads: int | None = None,
    runtime: str | None = None,
    on_progress: OnProgress = ignore_progress,
    **model_args: Unpack[ModelKeywords],
) -> Prediction:
    """Estimate the poses in a source, and write pictures or a video and ``poses.json`` into a folder.

    Args:
        model: an artifact, a checkpoint or the path of either.
        source: an image, a folder, a video, a pattern such as ``frames/%06d.png``, a stream's URL, a camera
            number, or a file of 2D joints.
        model_args: the fields of ``ModelKeywords``.

    Raises:
        InputError: the source or an argument cannot be used.
        PoseDeployError: the model cannot be opened or run with these arguments, or the folder cannot be
            written.
    """
    settings = settings or PredictSettings()
    name, output = str(source), Path(output)
    check_output(name, output)
    opened_model = to_source(model)
    args = ModelArgs.of(model_args, draws_mesh=True)
    camera = read_camera(settings.fx, settings.extrinsics)
    with ExitStack() as opened:
        frames = opened.enter_context(open_frames(name, output, settings))
        options = RunOptions(device, precision, threads, "latency" if frames.total == 1 else "throughput")
        on_progress(f"loading {get_path(opened_model)}", None)
        runner, artifact = open_model(opened_model, options, args, runtime)
        opened.enter_context(runner)
        if camera_options := _list_camera_options(settings):
            check_camera(camera_options, artifact.spec)
        persons = settings.persons
        people = open_joint_source(persons, artifact.spec, options, opened, frames)
        boxes = None if people else open_box_source(persons, artifact.spec, options, opened, frames)
        _log_numbered_keypoints(artifact.spec)
        predict_options = PredictOptions(
            camera,
            settings.draw,
            settings.show,
            settings.track,
            settings.smooth,
            boxes,
            people,
            load_faces(args.mesh, artifact),
            settings.mesh_format,
            persons.threshold,
            settings.refine,
        )
        on_frame = _report_frames(frames, on_progress)
        return run.predict(frames, runner, artifact, output, predict_options, on_frame)


def check_output(source: str, output: Path) -> None:
    """Check that results are not written between the images of a folder.

    Raises:
        InputError: ``output`` is this folder.
    """
    if Path(source).is_dir() and Path(source).resolve() == output.resolve():
        raise InputError(f"`output={output}`: the folder of the images; use another folder for the pictures")


def _report_frames(source: Source, on_progress: OnProgress) -> Callable[[int, int | None], None]:
    def report(done: int, total: int | None) -> None:
        on_progress(f"detecting people in {source.name}, frame {done}", done / total if total else None)

    return report


def open_frames(name: str, output: Path, settings: PredictSettings) -> Source:
    """Open the source of a prediction.

    Args:
        output: a subfolder to leave out, if the source is a folder.

    Raises:
        InputError: the source or a setting for it cannot be used.
    """
    fps, joints = settings.fps, settings.joints
    if fps is not None and not 0 < fps <= MAX_FPS:
        raise InputError(f"`fps={fps:g}`: expected frames per second above 0 and at most {MAX_FPS:g}")
    if is_joints(Path(name)) and not (settings.recursive and Path(name).is_dir()):
        return JointsFile(Path(name), replace(joints, fps=fps))
    values = {
        "`joints`": joints.joint_set,
        "`sequence`": joints.is_sequence or None,
        "`joints_key`": joints.key,
        "`image_size`": joints.image_size,
    }
    unused = [argument for argument, value in values.items() if value is not None]
    if unused:
        raise InputError(f"{' and '.join(unused)}: {name} is not a file of 2D joints; leave it out")
    return open_source(name, fps, recursive=settings.recursive, without=output)


def _log_numbered_keypoints(spec: ModelSpec) -> None:
    if are_numbered(spec):
        logger.info(
            f"the {len(spec.keypoint_names)} keypoints of this {spec.family} have numbers instead of names; "
            f"`contract=FILE.toml` names them and their limbs ({GUIDE})"
        )


def _list_camera_options(settings: PredictSettings) -> str:
    options = {"`fx`": settings.fx, "`extrinsics`": settings.extrinsics}
    return " and ".join(option for option, value in options.items() if value is not None)
