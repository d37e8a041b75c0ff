"""The presets that fit a model file."""

from __future__ import annotations

from pathlib import Path

from posedeploy import contracts
from posedeploy.errors import InputError
from posedeploy.presets import list_presets, preset_path
from posedeploy.types import ModelSpec, TensorSpec


def apply_described(
    described: ModelSpec, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], where: str
) -> ModelSpec:
    """Return the description merged with the tensors of a model file, as ``contracts.apply_contract``.

    Raises:
        InputError: they do not fit; for a preset, the message lists the presets that fit.
    """
    try:
        return contracts.apply_contract(described, inputs, outputs, where)
    except InputError as error:
        name = described.variant
        if name not in list_presets() or described != contracts.read(preset_path(name)):
            raise
        fitting = _list_fitting(inputs, outputs)
        remedy = (
            f"use a preset that fits: {', '.join(fitting)}"
            if fitting
            else "no preset fits this model: describe it in a file of `posedeploy contract new FAMILY`"
        )
        raise InputError(f"the preset {name} does not fit: {error}; {remedy}") from error


def _list_fitting(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> list[str]:
    """Return the presets that fit; only those with the names of the outputs, if there are any."""
    fitting = [name for name in list_presets() if _fits(preset_path(name), inputs, outputs)]
    naming = [name for name in fitting if contracts.read(preset_path(name)).roles]
    return naming or fitting


def _fits(preset: Path, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> bool:
    try:
        contracts.apply_contract(contracts.read(preset), inputs, outputs, preset.stem)
    except InputError:
        return False
    return True
