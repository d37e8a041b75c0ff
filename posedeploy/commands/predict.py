"""``posedeploy predict``: the people in images, videos or a camera's view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from posedeploy.commands.console import counted, counting, out, warn, working
from posedeploy.commands.opening import Described, open_named
from posedeploy.predict.camera import read_camera
from posedeploy.predict.run import Prediction, PredictOptions, predict
from posedeploy.predict.sources import open_source
from posedeploy.types import RunOptions


@dataclass(frozen=True)
class PredictSettings:
    """What the command was given beside the model, the source and the device."""

    show: bool = False
    smooth: bool = True
    fx: float | None = None
    extrinsics: Path | None = None
    runtime: str | None = None


def run(
    path: Path,
    source_name: str,
    folder: Path,
    options: RunOptions,
    settings: PredictSettings,
    described: Described,
) -> bool:
    """Predict, show what was written; whether all of the source was used."""
    camera = read_camera(settings.fx, settings.extrinsics)
    source = open_source(source_name)
    if source.total != 1:
        options = replace(options, hint="throughput")
    with working(f"loading {path}"):
        runner, artifact = open_named(path, options, described, settings.runtime)
    with runner, counting(f"finding people in {source.name}") as on_progress:
        result = predict(
            source,
            runner,
            artifact,
            folder,
            PredictOptions(camera=camera, show=settings.show, smooth=settings.smooth),
            on_progress,
        )
    _show(result)
    for problem in result.problems:
        warn(problem)
    return not result.problems


def _show(result: Prediction) -> None:
    people = counted(sum(result.people), "person", "people")
    skipped = f", {counted(result.skipped, 'file')} skipped" if result.skipped else ""
    out.print(f"{people} in {counted(result.frames, 'image')}{skipped}")
    shown = result.files if len(result.files) <= 8 else (*result.files[:3], result.files[-1])
    for file in shown:
        out.print(f"  {file}", markup=False, soft_wrap=True)
    if len(shown) < len(result.files):
        out.print(f"  and {len(result.files) - len(shown)} more")
