"""The arguments with which the comparison of a certificate is repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints

import msgspec

from posedeploy.api.compared_files import FILE_ARGUMENTS, NOT_RECORDED
from posedeploy.api.comparing import compare
from posedeploy.api.model_args import ModelKeywords
from posedeploy.errors import InputError


def parse_arguments(arguments: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the recorded arguments of ``compare``, with their types checked.

    Args:
        name: of the certificate, for messages.

    Raises:
        InputError: one is unknown to this release, or has another type.
    """
    types = _argument_types()
    values = {}
    for argument, value in arguments.items():
        if argument not in types:
            raise InputError(
                f"{name}: the recorded argument `{argument}` does not exist in this release of posedeploy; "
                "install the release that is recorded as `code.release`"
            )
        try:
            values[argument] = msgspec.convert(value, types[argument])
        except msgspec.ValidationError as error:
            raise InputError(
                f"{name}: the certificate is damaged: the recorded argument `{argument}`: {error}"
            ) from error
    return values


def _argument_types() -> dict[str, Any]:
    """Return the type of the JSON value of each argument of ``compare``."""
    types = {**get_type_hints(compare), **get_type_hints(ModelKeywords)}
    types |= dict.fromkeys(FILE_ARGUMENTS, str | None)
    types["budget"] = types["images"] = list[str] | None
    return {name: kind for name, kind in types.items() if name not in {*NOT_RECORDED, "return"}}
