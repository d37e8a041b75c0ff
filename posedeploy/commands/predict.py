"""``posedeploy predict``: the people in images, videos or a camera's view."""

from __future__ import annotations

from posedeploy.console.options import chosen
from posedeploy.console.output import out, say, warn
from posedeploy.predict.box_files.box_content import BOX_FORMATS, BoxFormat
from posedeploy.predict.predict_options import MeshFormat
from posedeploy.predict.run import Prediction
from posedeploy.printable import counted, printable

MESH_FORMATS: dict[str, MeshFormat] = {"obj": ".obj", "glb": ".glb"}
SHOWN = 8
"""Of files, and of remarks."""


def box_format(name: str | None) -> BoxFormat | None:
    """Return the format of boxes that the user names.

    Raises:
        InputError: there is none of this name.
    """
    return (
        None if name is None else chosen("--box-format", name.lower(), {each: each for each in BOX_FORMATS})
    )


def mesh_format(name: str) -> MeshFormat:
    """Return the format of mesh files that the user names.

    Raises:
        InputError: there is none of this name.
    """
    return chosen("--mesh-format", name, MESH_FORMATS)


def show_prediction(result: Prediction) -> None:
    """Show what was written, and what the user should know."""
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


def _show(result: Prediction) -> None:
    people = counted(sum(result.people), "person", "people")
    skipped = f", {counted(result.skipped, 'file')} skipped" if result.skipped else ""
    out.print(f"{people} in {counted(result.frames, 'image')}{skipped}")
    shown = result.files if len(result.files) <= SHOWN else (*result.files[:3], result.files[-1])
    for file in shown:
        out.print(f"  {printable(str(file))}", markup=False, soft_wrap=True)
    if len(shown) < len(result.files):
        out.print(f"  and {len(result.files) - len(shown)} more")
