"""Check that mean and std are for pixel values from 0 to 255."""

from __future__ import annotations

from collections.abc import Sequence

from posedeploy.errors import InputError

MAX_OF_UNIT_RANGE = 2.0
"""A limit above every std for pixel values from 0 to 1, and below every std for 0 to 255."""


def check_units(mean: Sequence[float] | None, std: Sequence[float] | None, where: str) -> None:
    """Reject a mean and std for pixel values from 0 to 1, such as ImageNet's 0.485 and 0.229.

    A std of 1 with a mean for 0 to 255 is valid: networks from Caffe only subtract the mean.

    Raises:
        InputError: every value of ``std`` is below 2, or every value of ``mean`` is and one of them is not 0.
    """
    if std is None:
        return
    has_pixel_mean = mean is not None and max(map(abs, mean)) >= MAX_OF_UNIT_RANGE
    if max(std) >= MAX_OF_UNIT_RANGE:
        if mean is not None and not has_pixel_mean and any(mean):
            raise InputError(
                f"{where}: the mean {_bracket(mean)} is for pixel values from 0 to 1, but the std "
                f"{_bracket(std)} for 0 to 255; write mean = {_bracket([255 * value for value in mean])}"
            )
        return
    if has_pixel_mean and all(value == 1 for value in std):
        return
    fields = {"std": std}
    if mean is not None and not has_pixel_mean:
        fields = {"mean": mean, **fields}
    fixes = [f"{name} = {_bracket([255 * value for value in values])}" for name, values in fields.items()]
    raise InputError(
        f"{where}: the std {_bracket(std)} is for pixel values from 0 to 1, expected mean and std for 0 to "
        f"255; write {' and '.join(fixes)}. For a network that takes pixel values from 0 to 255, write "
        'embedded = ["normalization"] without mean and std'
    )


def _bracket(values: Sequence[float]) -> str:
    return f"[{', '.join(f'{value:.6g}' for value in values)}]"
