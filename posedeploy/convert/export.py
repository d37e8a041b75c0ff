"""Export a model: convert and hash it, write its manifest, then move all files into place, or none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TypeAlias

from posedeploy import __version__, files, manifest, plugins
from posedeploy.backends import CHECKPOINT_SUFFIXES, Target, target_named
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.export_options import (
    BUDGET_FIELDS,
    CALIBRATION_FIELDS,
    QUANTIZED,
    RECOVERY_FIELDS,
    ExportOptions,
    ignore_progress,
)
from posedeploy.convert.layer_choice import QuantizableNetwork
from posedeploy.convert.prepare import Graphs, Prepared, prepare
from posedeploy.errors import ExportError, IsolatedProgramError, PoseDeployError
from posedeploy.files import MAX_NAME_BYTES
from posedeploy.native_paths import native_path
from posedeploy.printable import printable
from posedeploy.types import Artifact, CalibrationSet, Model, ModelSpec, OnProgress, Provenance, StrPath

logger = logging.getLogger(__name__)
Calibrate: TypeAlias = Callable[[ModelSpec, ExportOptions], CalibrationSet]
"""A function that collects the calibration inputs of a network with the spec of its export."""

FitBudget: TypeAlias = Callable[[Prepared, Target, QuantizableNetwork, Path], Conversion]
"""A function that writes a network to a path with a choice of float layers that stays within the budget of
the options, or raises ``ExportError``. A network without layers is already there."""

Recover: TypeAlias = Callable[[Target, "Converter", "Converter | None", Prepared, Path], Conversion]
"""A function that writes a quantized network to a path with the better of its original and trained weights,
or raises ``ExportError``. It gets the converter of the target and, under a budget, what converts within
it."""

Converter: TypeAlias = Callable[[Prepared, Path], Conversion]
"""A function that writes the model file and its other files, or raises ``ExportError``."""


def export(
    model: Model,
    targets: str | Iterable[str],
    folder: StrPath,
    stem: str | None = None,
    options: ExportOptions | None = None,
    on_progress: OnProgress = ignore_progress,
    calibrate: Calibrate | None = None,
    fit_budget: FitBudget | None = None,
    recover: Recover | None = None,
    graphs: Graphs | None = None,
) -> list[Artifact]:
    """Convert a model to each target. ``api.exporting.export`` has the description.

    Args:
        calibrate: collects the calibration inputs; None for precisions that need none.
        fit_budget: chooses the float layers; None for options without a budget.
        recover: trains the weights; None for options without ``recover``.
        graphs: of earlier exports of this model, whose weights are the same; the export adds to them.

    Raises:
        PoseDeployError: as for ``api.exporting.export``.
    """
    folder, options = Path(folder), options or ExportOptions()
    rows = [target_named(name) for name in dict.fromkeys([targets] if isinstance(targets, str) else targets)]
    stems = {row: default_stem(model.source, options, row.name) if stem is None else stem for row in rows}
    for row, each in stems.items():
        _check_stem(each)
        _check_length(each, row)
        _check_precision(row, options)
    _check_calibration(options, rows)
    _check_recovery(options, rows)
    prepared = prepare(model, options, on_progress)
    if graphs is not None:
        prepared = replace(prepared, graphs=graphs)
    if options.precision in QUANTIZED:
        assert calibrate is not None, "a quantized network needs calibration inputs"
        prepared = replace(prepared, calibrate=cache(partial(calibrate, prepared.spec, options)))
    artifacts = []
    for row in rows:
        try:
            artifacts.append(_export(model, prepared, row, folder, stems[row], options, fit_budget, recover))
        except PoseDeployError as error:
            if artifacts:
                names = ", ".join(str(artifact.path) for artifact in artifacts)
                logger.warning(f"{names}: written before the export to {row.name} failed")
            if not isinstance(error, IsolatedProgramError):
                raise
            log = _log(folder, stems[row], error.environment)
            files.write_text(log, error.log)
            raise ExportError(f"{error}; the log is {log}") from error
    return artifacts


def default_stem(checkpoint: Path | None, options: ExportOptions, target: str) -> str:
    """Return the stem of an export's files, such as ``human``, ``human-fp16`` or ``human-int8-dynamic``."""
    parts: list[str] = [] if options.precision == "fp32" else [options.precision]
    if target == "tflite" and options.tflite.activations != "int8":
        parts.append(options.tflite.activations)
    return "-".join([stem_of(checkpoint), *parts])


def stem_of(checkpoint: Path | None) -> str:
    """Return the checkpoint's name without its suffixes; ``sample`` for the built-in sample."""
    if checkpoint is None:
        return "sample"
    name = checkpoint.resolve().name if checkpoint.name in ("", "..") else checkpoint.name
    while True:
        suffix = next((end for end in CHECKPOINT_SUFFIXES if name.lower().endswith(end) and name != end), "")
        if not suffix:
            return name
        name = name[: -len(suffix)]


def _check_stem(stem: str) -> None:
    if not stem or stem.startswith(".") or Path(stem).name != stem:
        raise ExportError(f"`name={stem}`: not a file name; leave out folders and a leading dot")
    if printable(stem) != stem:
        raise ExportError(
            f"`name={printable(stem)}`: contains characters that cannot be printed; choose another name"
        )


def _check_length(stem: str, target: Target) -> None:
    longest = manifest.path_of(Path(stem + target.suffix)).name
    length = len(longest.encode())
    if length > MAX_NAME_BYTES:
        raise ExportError(
            f"{longest}: the file name has {length} bytes, and file systems allow {MAX_NAME_BYTES}; choose a "
            "shorter `name`"
        )


def _check_precision(target: Target, options: ExportOptions) -> None:
    if options.precision not in target.precisions:
        raise ExportError(
            f"`precision={options.precision}`: `to={target.name}` supports "
            f"{' or '.join(target.precisions)}; choose one of these, or another target"
        )


def _check_calibration(options: ExportOptions, targets: Sequence[Target]) -> None:
    activations = options.tflite.activations
    if activations != "int8" and options.precision != "int8":
        raise ExportError(
            f"`activations={activations}`: only valid with `precision=int8`; pass that, or leave "
            "`activations` out"
        )
    if not options.calibration or any(options.needs_calibration(target.name) for target in targets):
        return
    if options.precision in QUANTIZED:
        raise ExportError(
            f"`calibration={options.calibration[0]}`: `activations={activations}` measures the ranges in "
            "each run; leave one of the two out"
        )
    raise ExportError(
        f"`calibration={options.calibration[0]}`: only valid with `precision={' or '.join(QUANTIZED)}`; pass "
        "one of these, or leave `calibration` out"
    )


def _check_recovery(options: ExportOptions, targets: Sequence[Target]) -> None:
    if options.recover is not None and not all(options.needs_calibration(row.name) for row in targets):
        raise ExportError(
            f"`recover={options.recover:g}`: `activations={options.tflite.activations}` measures the ranges "
            "in each run, and the training needs fixed ones; leave one of the two out"
        )


def _log(folder: Path, stem: str, environment: str) -> Path:
    return folder / f"{stem}.{environment}.log"


def _export(
    model: Model,
    prepared: Prepared,
    target: Target,
    folder: Path,
    stem: str,
    options: ExportOptions,
    fit_budget: FitBudget | None,
    recover: Recover | None,
) -> Artifact:
    convert = _converter(target)
    finish = None if fit_budget is None else partial(_convert_within_budget, convert, fit_budget, target)
    if recover is not None:
        convert = partial(recover, target, convert, finish)
    elif finish is not None:
        convert = finish
    name = stem + target.suffix
    with files.staged(folder, partial(manifest.outdated, folder / name)) as stage:
        with native_path(stage) as writable:
            conversion = convert(prepared, writable / name)
        needed = target.file_names(stem)
        hashes = {path.name: files.sha256(path) for path in sorted(stage.iterdir())}
        assert hashes.keys() == {*needed, *conversion.sidecars}, "a converter wrote another file"
        assert {*conversion.sidecars} <= {*target.sidecar_names(stem)}, "the table lacks a sidecar file"
        artifact = Artifact(
            path=folder / name,
            target=target.name,
            spec=prepared.spec,
            precision=conversion.precision,
            files={name: hashes.pop(name) for name in sorted(needed)},
            provenance=_provenance(model, target, conversion.packages or target.packages, options),
            details=conversion.details,
            sidecars=hashes,
            inference_precision=conversion.inference_precision,
            calibration=conversion.calibration,
            budget=conversion.budget,
            recovery=conversion.recovery,
        )
        if target.embeds_manifest:
            artifact = manifest.write_inside(artifact, stage)
        manifest.write(artifact, stage)
    if conversion.environment is not None:  # an earlier failure may have left a log
        _log(folder, stem, conversion.environment).unlink(missing_ok=True)
    return artifact


def _convert_within_budget(
    convert: Converter, fit_budget: FitBudget, target: Target, prepared: Prepared, path: Path
) -> Conversion:
    """Convert with a choice of float layers, or check the only file that the converter can write."""
    prepared = replace(prepared, write_quantized=partial(fit_budget, prepared, target))
    conversion = convert(prepared, path)
    if conversion.budget is not None:
        return conversion
    return fit_budget(prepared, target, QuantizableNetwork((), lambda names, trial: conversion), path)


def _converter(target: Target) -> Converter:
    try:
        converter: Converter = plugins.load(target.converter)
    except OSError as error:  # some packages create a folder on import
        if error.filename is None:
            raise
        raise ExportError(
            f"a package for `to={target.name}` cannot create its folder ({error.strerror}: "
            f"{error.filename}); set the environment variable of that package to another folder "
            "(TORCHINDUCTOR_CACHE_DIR for torch)"
        ) from error
    return converter


def _provenance(
    model: Model, target: Target, packages: tuple[str, ...], options: ExportOptions
) -> Provenance:
    return Provenance(
        checkpoint=printable(str(model.source.resolve())) if model.source else None,
        checkpoint_sha256=model.sha256,
        network=model.network,
        packages={"posedeploy": __version__}
        | {name: plugins.version_of(name) or "unknown" for name in packages},
        options=dict(_recorded_options(options, target.name)),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        network_sha256=model.network_sha256,
        mesh=str(model.mesh.resolve()) if model.mesh else None,
        mesh_sha256=model.mesh_sha256,
        stages=model.stages,
        weights=model.weights,
    )


def _recorded_options(options: ExportOptions, target: str) -> Iterator[tuple[str, str]]:
    """Yield the options of all targets and those of this target."""
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name in CALIBRATION_FIELDS and not options.needs_calibration(target):
            continue
        if field.name in ("budget", *BUDGET_FIELDS) and not options.budget:
            continue
        if field.name in RECOVERY_FIELDS and options.recover is None:
            continue
        if not is_dataclass(value):
            yield field.name, str(value)
        elif field.name == target:
            names = [own.name for own in fields(value)]
            if options.precision != "int8":
                names = [name for name in names if name != "activations"]
            yield from ((name, str(getattr(value, name))) for name in names)
