"""``posedeploy predict``: the people in images, videos or a camera's view."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from posedeploy.console.load_model import ModelArgs, open_named
from posedeploy.console.options import chosen
from posedeploy.console.output import counting, out, say, warn, working
from posedeploy.console.person_source import PersonArgs, finder_of, people_of
from posedeploy.console.recorded_files import find_recorded
from posedeploy.errors import InputError
from posedeploy.families import mesh_output
from posedeploy.keypoint_descriptions import are_numbered
from posedeploy.meshes.topology import read_mesh
from posedeploy.own_keypoints import GUIDE
from posedeploy.predict.box_files.box_content import BOX_FORMATS, BoxFormat
from posedeploy.predict.camera import read_camera
from posedeploy.predict.frames import MAX_FPS, Source
from posedeploy.predict.joint_files.joint_formats import is_joints
from posedeploy.predict.joint_files.joint_source import JointsFile, JointsOptions
from posedeploy.predict.predict_options import MeshFormat, PredictOptions
from posedeploy.predict.run import Prediction, predict
from posedeploy.predict.sources import open_source
from posedeploy.printable import counted, printable
from posedeploy.types import Array, Artifact, Hint, ModelSpec, RunOptions

MESH_FORMATS: dict[str, MeshFormat] = {"obj": ".obj", "glb": ".glb"}
SHOWN = 8
"""Of files, and of remarks."""


@dataclass(frozen=True)
class PredictSettings:
    """What the command was given beside the model, the source and the device."""

    show: bool | None = None
    draw: bool = True
    track: bool = True
    smooth: bool = True
    fx: float | None = None
    extrinsics: Path | None = None
    runtime: str | None = None
    where: PersonArgs = field(default_factory=PersonArgs)
    mesh_format: str = "obj"
    fps: float | None = None
    joints: JointsOptions = field(default_factory=JointsOptions)
    recursive: bool = False


def run(
    path: Path,
    source_name: str,
    folder: Path,
    options: RunOptions,
    settings: PredictSettings,
    described: ModelArgs,
) -> bool:
    """Predict, show what was written; whether all of the source was used."""
    if Path(source_name).is_dir() and Path(source_name).resolve() == folder.resolve():
        raise InputError(f"-o {folder}: the images are read from there; name another folder for the pictures")
    mesh_format = chosen("--mesh-format", settings.mesh_format, MESH_FORMATS)
    camera = read_camera(settings.fx, settings.extrinsics)
    asked = PredictOptions(camera, settings.draw, settings.show, settings.track, settings.smooth)
    with ExitStack() as opened:
        source = opened.enter_context(_source(source_name, folder, settings))
        hint: Hint = "latency" if source.total == 1 else "throughput"
        with working(f"loading {path}"):
            runner, artifact = open_named(path, replace(options, hint=hint), described, settings.runtime)
        opened.enter_context(runner)
        _check_camera(settings, artifact.spec)
        people = people_of(settings.where, artifact.spec, options, opened, source)
        finder = None if people else finder_of(settings.where, artifact.spec, options, opened, source)
        _remark_numbers(artifact.spec)
        faces = faces_of(described.mesh, artifact)
        asked = replace(
            asked, person_source=finder, joint_source=people, faces=faces, mesh_format=mesh_format
        )
        asked = replace(asked, threshold=settings.where.threshold)
        with counting(f"finding people in {source.name}") as on_progress:
            result = predict(source, runner, artifact, folder, asked, on_progress)
    _show(result)
    for warning in result.warnings:
        warn(warning)
    remarks = result.remarks[len(result.warnings) :]
    for remark in remarks[:SHOWN]:
        say(remark)
    if len(remarks) > SHOWN:
        say(f"and {len(remarks) - SHOWN} more such remarks, all of them in poses.json")
    for problem in result.problems:
        warn(problem)
    return not result.problems


def box_format(name: str | None) -> BoxFormat | None:
    """Return the format of boxes that the user names.

    Raises:
        InputError: there is none of this name.
    """
    return (
        None if name is None else chosen("--box-format", name.lower(), {each: each for each in BOX_FORMATS})
    )


def _source(name: str, output: Path, settings: PredictSettings) -> Source:
    fps, joints = settings.fps, settings.joints
    if fps is not None and not 0 < fps <= MAX_FPS:
        raise InputError(f"--fps {fps:g}: frames per second are above 0 and at most {MAX_FPS:g}")
    if is_joints(Path(name)) and not (settings.recursive and Path(name).is_dir()):
        return JointsFile(Path(name), replace(joints, fps=fps))
    flags = {
        "--joints": joints.joint_set,
        "--sequence": joints.is_sequence or None,
        "--joints-key": joints.key,
        "--image-size": joints.image_size,
    }
    useless = [flag for flag, value in flags.items() if value is not None]
    if useless:
        raise InputError(f"{' and '.join(useless)}: {name} is not a file of 2D joints; leave it out")
    return open_source(name, fps, recursive=settings.recursive, without=output)


def faces_of(path: Path | None, artifact: Artifact) -> Array | None:
    """The triangles of the mesh that the network gives, from the user's file, or the one that the artifact
    was exported with, where it is there and as it was; None without.

    Raises:
        InputError: the network gives no mesh, or another than the user's file has.
    """
    spec, made = artifact.spec, artifact.provenance
    vertices = mesh_output(spec)
    counts = [] if vertices is None else [vertices.shape[1]]
    if path is None:
        return _recorded_faces(artifact, counts) if counts else None
    if not counts:
        raise InputError(f"--mesh {path}: {spec.family} ({spec.variant}) gives no mesh; leave it out")
    mesh = read_mesh(path)
    if counts != [mesh.vertices]:
        raise InputError(
            f"--mesh {path}: its triangles are of {mesh.vertices} vertices, and {artifact.path.name} gives "
            f"{counts[0]}; give the mesh that it was trained on"
        )
    if made is not None and made.mesh_sha256 not in (None, mesh.sha256):
        raise InputError(
            f"--mesh {path}: its triangles are not those that {artifact.path.name} was exported with "
            f"({made.mesh}, as it was then); give that mesh"
        )
    return mesh.faces


def _recorded_faces(artifact: Artifact, counts: list[int | str]) -> Array | None:
    made = artifact.provenance
    if made is None or made.mesh is None:
        return None
    path = find_recorded(artifact, made.mesh)
    if path is None:
        say(f"{made.mesh}, the mesh that {artifact.path.name} was exported with, is not there")
        return None
    try:
        mesh = read_mesh(path)
    except InputError as error:
        say(f"{path}: {error.problem}")
        return None
    if made.mesh_sha256 not in (None, mesh.sha256) or counts != [mesh.vertices]:
        say(f"{path}: its triangles changed since {artifact.path.name} was exported")
        return None
    return mesh.faces


def _remark_numbers(spec: ModelSpec) -> None:
    if are_numbered(spec):
        say(
            f"the {len(spec.keypoint_names)} keypoints of this {spec.family} have numbers for names; "
            f"--contract FILE.toml names them and their limbs ({GUIDE})"
        )


def _check_camera(settings: PredictSettings, spec: ModelSpec) -> None:
    given = {"--fx": settings.fx, "--extrinsics": settings.extrinsics}
    useless = [option for option, value in given.items() if value is not None]
    if useless and spec.joints is not None:
        raise InputError(
            f"{' and '.join(useless)}: {spec.family} gives positions from each person's pelvis on, where the "
            "camera has no say; leave it out"
        )
    if useless and spec.unit != "mm":
        raise InputError(
            f"{' and '.join(useless)}: {spec.family} ({spec.variant}) finds people in 2D, where the camera "
            "has no say; leave it out, or give a 3D network"
        )


def _show(result: Prediction) -> None:
    people = counted(sum(result.people), "person", "people")
    skipped = f", {counted(result.skipped, 'file')} skipped" if result.skipped else ""
    out.print(f"{people} in {counted(result.frames, 'image')}{skipped}")
    shown = result.files if len(result.files) <= SHOWN else (*result.files[:3], result.files[-1])
    for file in shown:
        out.print(f"  {printable(str(file))}", markup=False, soft_wrap=True)
    if len(shown) < len(result.files):
        out.print(f"  and {len(result.files) - len(shown)} more")
