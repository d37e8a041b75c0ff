"""The parts of two image contracts that can be compared although the files embed other steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from posedeploy.types import InputContract, ModelSpec

SIZE_AND_FORM = ("height", "width", "embedded")
"""The fields of an image contract that an export may change."""
FIELDS_OF_STEPS: Mapping[str, tuple[str, ...]] = {
    "normalization": ("mean", "std"),
    "color": ("color_order",),
}
"""The fields that describe a step which a file can embed."""


def select_comparable_contract(reference: InputContract, candidate: InputContract) -> InputContract:
    """Return the contract of the reference, with the values of the candidate where they cannot be compared.

    These are the size, and the steps that only the reference embeds: its contract does not describe them.
    """
    hidden = _list_fields(reference, candidate)
    kept = {name: getattr(candidate, name) for name in (*SIZE_AND_FORM, *hidden)}
    comparable = replace(reference, **kept)
    background = _find_background(reference)
    if "mean" not in hidden or background in (None, _find_background(comparable)):
        return comparable
    return replace(comparable, padding=background)


def describe_embedded_steps(reference: ModelSpec, candidate: ModelSpec) -> str:
    """Return a sentence about the steps that only one of two files does itself; empty without any."""
    if reference.contract is None or candidate.contract is None:
        return ""
    own = [step for step in candidate.contract.embedded if step not in reference.contract.embedded]
    hidden = _list_fields(reference.contract, candidate.contract)
    parts = [
        f"the model file includes these steps, which are compared as a part of its network: {', '.join(own)}"
        if own
        else "",
        f"{' and '.join(hidden)} cannot be compared, because the reference embeds the step" if hidden else "",
    ]
    return "; ".join(filter(None, parts))


def _list_fields(reference: InputContract, candidate: InputContract) -> list[str]:
    """Return the fields of the steps that only the reference embeds."""
    hidden = [step for step in reference.embedded if step not in candidate.embedded]
    return [name for step in hidden for name in FIELDS_OF_STEPS[step]]


def _find_background(contract: InputContract) -> int | None:
    """Return the pixel value of the background of whole images; None if the channels have different ones."""
    if contract.padding is not None:
        return contract.padding
    values = {min(max(round(value), 0), 255) for value in contract.mean}
    return values.pop() if len(values) == 1 else None
