"""``posedeploy export``: export a checkpoint to one or several targets."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from posedeploy import manifest, plugins
from posedeploy.api.exporting import export
from posedeploy.api.load_checkpoint import load_sample, open_pytorch_model
from posedeploy.api.model_args import ModelArgs, is_sample
from posedeploy.api.open_models import SAMPLE_REMARK
from posedeploy.backends import RUNTIMES, TARGETS
from posedeploy.commands.budget_tables import budget_lines, budget_table
from posedeploy.console.output import inform, out, show, show_progress, show_spinner
from posedeploy.console.parsing import choose
from posedeploy.console.tables import artifacts_table, tensors_table
from posedeploy.console.tensorrt_options import print_build_info
from posedeploy.convert.export import stem_of
from posedeploy.convert.export_options import (
    BUDGET_MINUTES,
    CALIBRATION_IMAGES,
    QUANTIZED,
    Activations,
    AotiOptions,
    EnvironmentOptions,
    ExportOptions,
    ExportPrecision,
    IoLayout,
    OnnxOptions,
    Outputs,
    TfliteConverter,
    TfliteOptions,
)
from posedeploy.environments.environment_specs import ENVIRONMENTS
from posedeploy.errors import InputError
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, Model

OUTPUTS: dict[str, Outputs] = {name: name for name in get_args(Outputs)}
PRECISIONS: dict[str, ExportPrecision] = {name: name for name in get_args(ExportPrecision)}
CONVERTERS: dict[str, TfliteConverter] = {name: name for name in get_args(TfliteConverter)}
LAYOUTS: dict[str, IoLayout] = {name: name for name in get_args(IoLayout)}
ACTIVATIONS: dict[str, Activations] = {name: name for name in get_args(Activations)}


def build_options(
    targets: Sequence[str],
    input_size: tuple[int, int] | None,
    batch: int,
    dynamic: bool,
    embed_preprocessing: bool,
    outputs: str,
    precision: str = "fp32",
    calibration: Sequence[str] = (),
    calibration_images: int | None = None,
    budget: Sequence[str] = (),
    images: Sequence[Path] = (),
    budget_minutes: float = BUDGET_MINUTES,
    recover: float | None = None,
    recover_steps: int | None = None,
    *,
    aoti: AotiOptions,
    onnx: OnnxOptions,
    tensorrt: TensorRtOptions,
    tflite: TfliteOptions,
    environment: EnvironmentOptions,
) -> ExportOptions:
    """Return the options of an export to these targets.

    Raises:
        InputError: ``outputs`` or ``precision`` is unknown, or ``calibration_images`` has no effect.
    """
    export_precision = choose("--precision", precision, PRECISIONS)
    if calibration_images is not None and export_precision not in QUANTIZED:
        raise InputError(
            f"--calibration-images {calibration_images}: only valid with --precision "
            f"{' or '.join(QUANTIZED)}; pass one of these, or leave --calibration-images out"
        )
    options = ExportOptions(
        input_size,
        batch,
        dynamic,
        embed_preprocessing,
        choose("--outputs", outputs, OUTPUTS),
        export_precision,
        tuple(calibration),
        CALIBRATION_IMAGES if calibration_images is None else calibration_images,
        tuple(budget),
        tuple(map(str, images)),
        budget_minutes,
        recover,
        recover_steps,
        aoti=aoti,
        onnx=onnx,
        tensorrt=tensorrt,
        tflite=tflite,
        environment=environment,
    )
    if calibration_images is not None and not any(map(options.needs_calibration, targets)):
        raise InputError(
            f"--calibration-images {calibration_images}: --activations {tflite.activations} measures the "
            "ranges in each run; leave one of the two out"
        )
    return options


def check_flags(targets: list[str], target: str, flags: Mapping[str, object]) -> None:
    """Check that the flags of one target are not passed without that target.

    Args:
        flags: the values by flag; None if not passed.

    Raises:
        InputError: a flag is passed without its target.
    """
    for flag, value in flags.items():
        if value is not None and target not in targets:
            raise InputError(f"{flag} {value}: only for {target}; leave it out, or add --to {target}")


def tflite_options(
    converter: str | None, layout: str | None, activations: str | None, precision: str
) -> TfliteOptions:
    """Return the options of TFLite; None means the default.

    Raises:
        InputError: a value is unknown, or activations are passed with another precision than INT8.
    """
    default = TfliteOptions()
    if activations is not None and precision != "int8":
        raise InputError(
            f"--activations {activations}: only valid with --precision int8; pass that, or leave "
            "--activations out"
        )
    return TfliteOptions(
        default.converter if converter is None else choose("--converter", converter, CONVERTERS),
        default.layout if layout is None else choose("--layout", layout, LAYOUTS),
        default.activations if activations is None else choose("--activations", activations, ACTIVATIONS),
    )


def environment_options(converter: str | None, time_limit_s: float | None) -> EnvironmentOptions:
    """Return the options of a converter in an isolated environment; None means the default.

    Raises:
        InputError: the option is passed without such a converter, or is not a positive number.
    """
    if time_limit_s is None:
        return EnvironmentOptions()
    if converter not in ENVIRONMENTS:
        converters = " or ".join(f"--converter {name}" for name in ENVIRONMENTS)
        raise InputError(f"--time-limit {time_limit_s:g}: only for {converters}; leave it out")
    if not 0 < time_limit_s < float("inf"):
        raise InputError(f"--time-limit {time_limit_s:g}: expected a number of seconds above 0")
    return EnvironmentOptions(time_limit_s)


def run(
    checkpoint: Path | None,
    targets: list[str],
    folder: Path,
    stem: str | None,
    options: ExportOptions,
    args: ModelArgs,
) -> None:
    """Export a checkpoint, and show the artifacts and the next command."""
    if checkpoint is None or is_sample(checkpoint):
        inform(SAMPLE_REMARK)
    with show_spinner(f"reading {checkpoint or 'the sample'}"):
        model = open_pytorch_model(checkpoint, args)
    artifacts = export_to(model, targets, folder, stem, options)
    show(artifacts_table(artifacts), tensors_table(artifacts[0].spec))
    out.print(f"next: {next_command(artifacts, args, options)}", markup=False, soft_wrap=True)
    if options.precision != "fp32":
        command = next_command(artifacts, args, options, "bench")
        out.print(f"time it: {command}", markup=False, soft_wrap=True)


def next_command(
    artifacts: list[Artifact], args: ModelArgs, options: ExportOptions, command: str = "parity"
) -> str:
    """Return the command that compares the artifacts with PyTorch: their results, or with ``bench`` times."""
    words = ["posedeploy", command, *(str(artifact.path) for artifact in artifacts)]
    words += ["--network", args.network] if args.network is not None else []
    words += ["--device", "cuda"] if any(needs_gpu(artifact, options) for artifact in artifacts) else []
    return shlex.join(words)


def needs_gpu(artifact: Artifact, options: ExportOptions) -> bool:
    """Return whether the artifact runs only on an NVIDIA GPU."""
    runs_on_cpu = any("cpu" in RUNTIMES[name].devices for name in TARGETS[artifact.target].runtimes)
    return not runs_on_cpu or (artifact.target == "aoti" and options.aoti.device == "cuda")


def export_to(
    model: Model, targets: list[str], folder: Path, stem: str | None, options: ExportOptions
) -> list[Artifact]:
    """Export a model, with progress on the terminal."""
    name = stem or stem_of(model.source)
    with show_progress(f"exporting {name} to {', '.join(targets)}") as on_progress:
        artifacts = export(model, targets, folder, stem, options, on_progress)
    for artifact in artifacts:
        inform(f"wrote {artifact.path} and {manifest.path_of(artifact.path).name}")
        print_build_info(artifact)
        if artifact.recovery is not None:
            inform(f"recovery: {artifact.recovery}")
        if artifact.budget is not None:
            show(budget_table(artifact.budget))
            for line in budget_lines(artifact.budget):
                inform(line)
    return artifacts


def export_sample(folder: Path) -> list[Artifact]:
    """Export the built-in sample to every default target whose packages are installed."""
    inform(f"no artifacts in {folder}; exporting the built-in sample first")
    inform(SAMPLE_REMARK)
    usable = [
        name for name, row in TARGETS.items() if row.is_default and all(map(plugins.version_of, row.packages))
    ]
    return export_to(load_sample(), usable or list(TARGETS), folder, "sample", ExportOptions())
