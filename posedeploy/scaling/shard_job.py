"""The part of a job that every worker needs: the model, its arguments and the output folder."""

from __future__ import annotations

import glob
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from posedeploy import __version__
from posedeploy.api.mesh_faces import load_faces
from posedeploy.api.model_args import ModelArgs, ModelKeywords, get_path, is_sample
from posedeploy.api.open_models import open_model
from posedeploy.api.person_sources import check_camera, open_box_source, open_joint_source
from posedeploy.api.writing_poses import PredictSettings, open_frames
from posedeploy.errors import InputError
from posedeploy.model_urls import to_path
from posedeploy.predict.camera import read_camera
from posedeploy.predict.frames import Source
from posedeploy.predict.image_sequence import is_pattern
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.predict.urls import local_path, scheme_of
from posedeploy.runtimes.base import Runner
from posedeploy.types import Artifact, RunOptions, StrPath


@dataclass(frozen=True, kw_only=True)
class ShardJob:
    """What every worker needs. All paths are absolute.

    source: as the user passed it, for messages. location: the same as an absolute path. folder, job_id: of a
    job that writes shards. version: of posedeploy in the process that starts the job.
    """

    source: str
    model: Path
    settings: PredictSettings
    options: RunOptions
    runtime: str | None = None
    model_args: ModelKeywords = field(default_factory=lambda: ModelKeywords())
    folder: Path = field(default_factory=Path)
    location: str = ""
    job_id: str = ""
    version: str = __version__


def open_job(job: ShardJob, source: Source, opened: ExitStack) -> tuple[Runner, Artifact, PredictOptions]:
    """Open the model and the detector of a job as ``write_poses`` does.

    Args:
        source: used in messages. opened: closes the models.

    Raises:
        PoseDeployError: a model cannot be opened with these arguments on this machine.
    """
    settings, persons = job.settings, job.settings.persons
    args = ModelArgs.of(job.model_args, draws_mesh=True)
    camera = read_camera(settings.fx, settings.extrinsics)
    runner, artifact = open_model(job.model, job.options, args, job.runtime)
    opened.enter_context(runner)
    arguments = [name for name in ("fx", "extrinsics") if getattr(settings, name) is not None]
    if arguments:
        check_camera(" and ".join(f"`{name}`" for name in arguments), artifact.spec)
    people = open_joint_source(persons, artifact.spec, job.options, opened, source)
    boxes = None if people else open_box_source(persons, artifact.spec, job.options, opened, source)
    options = PredictOptions(
        camera,
        draw=settings.draw,
        track=settings.track,
        smooth=settings.smooth,
        person_source=boxes,
        joint_source=people,
        faces=load_faces(args.mesh, artifact),
        mesh_format=settings.mesh_format,
        threshold=persons.threshold,
        refine=settings.refine,
    )
    return runner, artifact, options


def open_job_frames(job: ShardJob, *, is_worker: bool = True) -> Source:
    """Open the video of a job, or another source whose frames are processed in order.

    Args:
        is_worker: use the absolute path; otherwise the path that the user passed, which messages name.

    Raises:
        InputError: the source or a setting for it cannot be used.
    """
    return open_frames(job.location if is_worker else local_path(job.source), job.folder, job.settings)


def find_location(source: str) -> str:
    """Return a source for processes with another working directory. URLs stay as they are."""
    path = local_path(source)
    if scheme_of(path) is not None:
        return path
    if glob.has_magic(path) and not is_pattern(path) and not Path(path).exists():
        return str(Path(glob.escape(str(Path.cwd())), path))  # its own brackets are no pattern
    return str(Path(path).absolute())


def check_settings(settings: PredictSettings) -> None:
    """Check that workers support all settings.

    Raises:
        InputError: a window is requested.
    """
    if settings.show:
        raise InputError("`show`: not available with `ray`, which opens no windows; leave out one of them")


def resolve_model_path(model: StrPath | None) -> Path:
    """Return the path of a model for processes with another working directory. The built-in sample and the
    URLs of served models stay as they are."""
    path = get_path(None if model is None else to_path(model))
    return path if is_sample(path) else path.absolute()


def choose_worker_options(options: RunOptions) -> RunOptions:
    """Return the options of each worker: one CPU thread, unless another number was requested."""
    return replace(options, threads=1) if options.threads is None and options.device == "cpu" else options


def resolve_setting_paths(settings: PredictSettings) -> PredictSettings:
    """Return the settings for processes with another working directory."""
    persons = settings.persons
    return replace(
        settings,
        extrinsics=_absolute(settings.extrinsics),
        persons=replace(
            persons,
            detector=None if persons.detector is None else resolve_model_path(persons.detector),
            boxes=_absolute(persons.boxes),
            contract=_absolute(persons.contract),
        ),
    )


def resolve_model_args(model_args: ModelKeywords) -> ModelKeywords:
    """Return the arguments of a model for processes with another working directory."""
    absolute = ModelKeywords(**model_args)
    contract, mesh = model_args.get("contract"), model_args.get("mesh")
    network = model_args.get("network")
    if contract is not None and Path(contract).exists():  # otherwise the name of a preset
        absolute["contract"] = str(Path(contract).absolute())
    if mesh is not None:
        absolute["mesh"] = str(Path(mesh).absolute())
    if network is not None:
        absolute["network"] = str(Path(network).absolute())
    return absolute


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()
