"""The options of a decoder: the table ``[decoding]`` of a contract as a frozen dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar, get_type_hints

import msgspec

from posedeploy.errors import InputError
from posedeploy.text_files import convert
from posedeploy.type_values import list_values
from posedeploy.types import ModelSpec

T = TypeVar("T")


def read_options(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """Return the options in a table; missing ones have the default of the dataclass.

    Raises:
        InputError: an option is unknown or has an invalid value.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if unknown := [name for name in table if name not in names]:
        raise InputError(
            f"{where}: [decoding] has the unknown option {', '.join(unknown)}; the options of this family "
            f"are {', '.join(names)}"
        )
    try:
        return convert(dict(table), kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: [decoding]: {_describe(str(error), kind)}") from error


def options_of(kind: type[T], spec: ModelSpec) -> T:
    """Return the decoding options of a network.

    Raises:
        InputError: as in ``read_options``.
    """
    return read_options(kind, spec.decoding, f"the spec of {spec.family}")


def to_table(options: Any) -> dict[str, Any]:
    """Return all options, the defaults included, with lists for tuples, as a manifest records them."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in asdict(options).items()
    }


def _describe(error: str, kind: type[Any]) -> str:
    """Return an error of msgspec with the name of the option and, for a closed set, its values."""
    problem, _, path = error.partition(" - at `$.")
    name = path.rstrip("`").partition("[")[0]
    if not name:
        return problem
    values = list(list_values(get_type_hints(kind)[name]))
    return f"{name}: {problem}" + (f"; allowed are {', '.join(values)}" if values else "")
