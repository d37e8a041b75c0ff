"""The unit of the mean and std of an image: pixel values from 0 to 255."""

from __future__ import annotations

from collections.abc import Sequence

from posedeploy.errors import InputError

MAX_OF_UNIT_RANGE = 2.0
"""Above every std of values from 0 to 1, and below every one of values from 0 to 255."""


def check_units(mean: Sequence[float] | None, std: Sequence[float] | None, where: str) -> None:
    """Refuse values that are meant for pixel values from 0 to 1, such as ImageNet's 0.485 and 0.229.

    A std of 1 with a mean in units of 0 to 255 is valid: networks from Caffe subtract the mean alone.

    Raises:
        InputError: every value of ``std`` is below 2.
    """
    if std is None or max(std) >= MAX_OF_UNIT_RANGE:
        return
    has_pixel_mean = mean is not None and max(map(abs, mean)) >= MAX_OF_UNIT_RANGE
    if has_pixel_mean and all(value == 1 for value in std):
        return
    fields = {"std": std}
    if mean is not None and not has_pixel_mean:
        fields = {"mean": mean, **fields}
    fixes = [f"{name} = {_listed([255 * value for value in values])}" for name, values in fields.items()]
    raise InputError(
        f"{where} has the std {_listed(std)}, which is of values from 0 to 1: mean and std "
        f"are in units of 0 to 255; write {' and '.join(fixes)}, or, for a network that takes pixel values "
        'from 0 to 255 as they are, embedded = ["normalization"] without them'
    )


def _listed(values: Sequence[float]) -> str:
    return f"[{', '.join(f'{value:.6g}' for value in values)}]"
