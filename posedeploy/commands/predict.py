"""``posedeploy predict``: the poses in images, videos or a camera."""

from __future__ import annotations

from posedeploy.console.output import inform, out, warn
from posedeploy.console.parsing import choose
from posedeploy.predict.box_files.box_content import BOX_FORMATS, BoxFormat
from posedeploy.predict.predict_options import MeshFormat
from posedeploy.predict.run import Prediction
from posedeploy.printable import counted, printable

MESH_FORMATS: dict[str, MeshFormat] = {"obj": ".obj", "glb": ".glb"}
MAX_SHOWN = 8
"""Maximum number of files, and of remarks, on the terminal."""


def parse_box_format(name: str | None) -> BoxFormat | None:
    """Return the format of boxes with this name.

    Raises:
        InputError: the name is unknown.
    """
    if name is None:
        return None
    return choose("--box-format", name.lower(), {each: each for each in BOX_FORMATS})


def parse_mesh_format(name: str) -> MeshFormat:
    """Return the format of mesh files with this name.

    Raises:
        InputError: the name is unknown.
    """
    return choose("--mesh-format", name, MESH_FORMATS)


def show_prediction(result: Prediction) -> None:
    """Show the files, remarks and warnings of a prediction."""
    _show(result)
    for warning in result.warnings:
        warn(warning)
    remarks = result.remarks[len(result.warnings) :]
    for remark in remarks[:MAX_SHOWN]:
        inform(remark)
    if len(remarks) > MAX_SHOWN:
        inform(f"and {len(remarks) - MAX_SHOWN} more remarks; poses.json contains all of them")
    for problem in result.problems:
        warn(problem)


def _show(result: Prediction) -> None:
    people = counted(sum(result.people), "person", "people")
    skipped = f", {counted(result.skipped, 'file')} skipped" if result.skipped else ""
    out.print(f"{people} in {counted(result.frames, 'image')}{skipped}")
    shown = result.files if len(result.files) <= MAX_SHOWN else (*result.files[:3], result.files[-1])
    for file in shown:
        out.print(f"  {printable(str(file))}", markup=False, soft_wrap=True)
    if len(shown) < len(result.files):
        out.print(f"  and {len(result.files) - len(shown)} more")
