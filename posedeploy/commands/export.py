"""``posedeploy export``: a checkpoint to one target or several."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from posedeploy import manifest
from posedeploy.backends import TARGETS
from posedeploy.commands.console import advancing, say, show, working
from posedeploy.commands.models import open_model, stem_of
from posedeploy.commands.opening import SAMPLE_REMARK, Described
from posedeploy.commands.tables import artifacts_table, tensors_table
from posedeploy.commands.tensorrt import check_targets, tell
from posedeploy.convert.export import export
from posedeploy.convert.options import AotiOptions, ExportOptions, Outputs, TensorRtOptions
from posedeploy.errors import InputError
from posedeploy.types import Artifact, Model


def options(
    input_size: tuple[int, int] | None,
    batch: int,
    dynamic: bool,
    embed_preprocessing: bool,
    outputs: str,
    aoti: AotiOptions,
    tensorrt: TensorRtOptions,
) -> ExportOptions:
    """The options of an export, from the command's.

    Raises:
        InputError: ``outputs`` is neither all nor last.
    """
    for kept in get_args(Outputs):
        if outputs == kept:
            return ExportOptions(input_size, batch, dynamic, embed_preprocessing, kept, aoti, tensorrt)
    raise InputError(f"--outputs {outputs}: wanted {' or '.join(get_args(Outputs))}")


def run(
    checkpoint: Path | None,
    targets: list[str],
    folder: Path,
    stem: str | None,
    options: ExportOptions,
    described: Described,
) -> None:
    """Export and show what was made.

    Raises:
        InputError: an option is for a target that is not among those asked for.
    """
    if options.aoti != AotiOptions() and "aoti" not in targets:
        raise InputError(f"--device {options.aoti.device}: only aoti is compiled for a device; add --to aoti")
    check_targets(options.tensorrt, targets)
    if checkpoint is None:
        say(SAMPLE_REMARK)
    with working(f"reading {checkpoint or 'the sample'}"):
        model = open_model(checkpoint, described)
    made = export_to(model, targets, folder, stem or stem_of(checkpoint), options)
    show(artifacts_table(made), tensors_table(made[0].spec))


def export_to(
    model: Model, targets: list[str], folder: Path, stem: str, options: ExportOptions
) -> list[Artifact]:
    """Export while the terminal shows it."""
    with advancing(f"exporting {stem} to {', '.join(targets)}") as on_progress:
        made = export(model, dict.fromkeys(targets), folder, stem, options, on_progress)
    for artifact in made:
        say(f"wrote {artifact.path} and {manifest.path_of(artifact.path).name}")
        tell(artifact)
    return made


def export_sample(folder: Path) -> list[Artifact]:
    """The built-in sample to every target, for a folder that has nothing in it yet."""
    say(f"there are no artifacts in {folder} yet, so the sample is exported first")
    say(SAMPLE_REMARK)
    return export_to(
        open_model(None, Described()),
        [target.name for target in TARGETS.values() if target.usual],
        folder,
        "sample",
        ExportOptions(),
    )
