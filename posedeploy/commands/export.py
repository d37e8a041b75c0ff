"""``posedeploy export``: a checkpoint to one target or several."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from posedeploy import manifest, plugins
from posedeploy.api.exporting import export
from posedeploy.api.load_checkpoint import load_sample, open_pytorch_model
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.open_models import SAMPLE_REMARK
from posedeploy.backends import RUNTIMES, TARGETS
from posedeploy.console.options import chosen
from posedeploy.console.output import advancing, out, say, show, working
from posedeploy.console.tables import artifacts_table, tensors_table
from posedeploy.console.tensorrt_options import tell
from posedeploy.convert.export import default_stem
from posedeploy.convert.export_options import (
    CALIBRATION_IMAGES,
    QUANTIZED,
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
from posedeploy.environments.specs import ENVIRONMENTS
from posedeploy.errors import InputError
from posedeploy.runtimes.run_options import required_precision
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, Model

OUTPUTS: dict[str, Outputs] = {name: name for name in get_args(Outputs)}
PRECISIONS: dict[str, ExportPrecision] = {name: name for name in get_args(ExportPrecision)}
CONVERTERS: dict[str, TfliteConverter] = {name: name for name in get_args(TfliteConverter)}
LAYOUTS: dict[str, IoLayout] = {name: name for name in get_args(IoLayout)}


def options(
    input_size: tuple[int, int] | None,
    batch: int,
    dynamic: bool,
    embed_preprocessing: bool,
    outputs: str,
    precision: str = "fp32",
    calibration: Sequence[str] = (),
    calibration_images: int | None = None,
    *,
    aoti: AotiOptions,
    onnx: OnnxOptions,
    tensorrt: TensorRtOptions,
    tflite: TfliteOptions,
    environment: EnvironmentOptions,
) -> ExportOptions:
    """The options of an export, from the command's.

    Raises:
        InputError: ``outputs`` is neither all nor last.
    """
    kept = chosen("--outputs", outputs, OUTPUTS)
    computed = chosen("--precision", precision, PRECISIONS)
    if calibration_images is not None and computed not in QUANTIZED:
        raise InputError(
            f"--calibration-images {calibration_images}: used with --precision {' or '.join(QUANTIZED)} "
            "only; leave it out"
        )
    return ExportOptions(
        input_size,
        batch,
        dynamic,
        embed_preprocessing,
        kept,
        computed,
        tuple(calibration),
        CALIBRATION_IMAGES if calibration_images is None else calibration_images,
        aoti=aoti,
        onnx=onnx,
        tensorrt=tensorrt,
        tflite=tflite,
        environment=environment,
    )


def check_flags(targets: list[str], target: str, flags: Mapping[str, object]) -> None:
    """Refuse flags that are for one target alone where that target is not asked for.

    Args:
        flags: the value of each, None where it was not given.

    Raises:
        InputError: as said.
    """
    for flag, value in flags.items():
        if value is not None and target not in targets:
            raise InputError(f"{flag} {value}: it is for --to {target}, which is not asked for; leave it out")


def tflite_options(converter: str | None, layout: str | None) -> TfliteOptions:
    """What the command asks of TFLite alone; None where a flag was not given.

    Raises:
        InputError: a value is none of those there are.
    """
    usual = TfliteOptions()
    return TfliteOptions(
        usual.converter if converter is None else chosen("--converter", converter, CONVERTERS),
        usual.layout if layout is None else chosen("--layout", layout, LAYOUTS),
    )


def environment_options(converter: str | None, time_limit_s: float | None) -> EnvironmentOptions:
    """Return the options of a converter that runs in an isolated environment; None: not passed.

    Raises:
        InputError: the option is passed without such a converter, or is not a positive number.
    """
    if time_limit_s is None:
        return EnvironmentOptions()
    if converter not in ENVIRONMENTS:
        routes = " or ".join(f"--converter {name}" for name in ENVIRONMENTS)
        raise InputError(f"--time-limit {time_limit_s:g}: it is for {routes}; leave it out")
    if not 0 < time_limit_s < float("inf"):
        raise InputError(f"--time-limit {time_limit_s:g}: expected seconds, more than 0")
    return EnvironmentOptions(time_limit_s)


def run(
    checkpoint: Path | None,
    targets: list[str],
    folder: Path,
    stem: str | None,
    options: ExportOptions,
    args: ModelArgs,
) -> None:
    """Export and show what was made."""
    if checkpoint is None:
        say(SAMPLE_REMARK)
    with working(f"reading {checkpoint or 'the sample'}"):
        model = open_pytorch_model(checkpoint, args)
    made = export_to(model, targets, folder, stem or default_stem(checkpoint, options), options)
    show(artifacts_table(made), tensors_table(made[0].spec))
    out.print(f"next: {next_command(made, args, options)}", markup=False, soft_wrap=True)


def next_command(artifacts: list[Artifact], args: ModelArgs, options: ExportOptions) -> str:
    """Return the command that compares the artifacts with PyTorch."""
    words = ["posedeploy", "parity", *(str(artifact.path) for artifact in artifacts)]
    words += ["--network", args.network] if args.network is not None else []
    words += ["--device", "cuda"] if any(needs_gpu(artifact, options) for artifact in artifacts) else []
    precisions = {required_precision(artifact) for artifact in artifacts}
    precision = precisions.pop() if len(precisions) == 1 else "auto"
    words += ["--precision", precision] if precision != "fp32" else []
    return shlex.join(words)


def needs_gpu(artifact: Artifact, options: ExportOptions) -> bool:
    """Whether the artifact runs only on an NVIDIA GPU."""
    runs_on_cpu = any("cpu" in RUNTIMES[name].devices for name in TARGETS[artifact.target].runtimes)
    return not runs_on_cpu or (artifact.target == "aoti" and options.aoti.device == "cuda")


def export_to(
    model: Model, targets: list[str], folder: Path, stem: str, options: ExportOptions
) -> list[Artifact]:
    """Export while the terminal shows it."""
    with advancing(f"exporting {stem} to {', '.join(targets)}") as on_progress:
        made = export(model, targets, folder, stem, options, on_progress)
    for artifact in made:
        say(f"wrote {artifact.path} and {manifest.path_of(artifact.path).name}")
        tell(artifact)
    return made


def export_sample(folder: Path) -> list[Artifact]:
    """The built-in sample to every target that can be made here, for a folder that has nothing in it yet."""
    say(f"there are no artifacts in {folder} yet, so the sample is exported first")
    say(SAMPLE_REMARK)
    usable = [
        name for name, row in TARGETS.items() if row.is_default and all(map(plugins.version_of, row.packages))
    ]
    return export_to(load_sample(), usable or list(TARGETS), folder, "sample", ExportOptions())
