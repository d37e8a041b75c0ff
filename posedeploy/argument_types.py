"""Check the arguments of public functions and option classes against their annotations."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from numbers import Integral, Real
from typing import Any, Literal, ParamSpec, TypeVar, Union, Unpack, get_args, get_origin, get_type_hints

from posedeploy.errors import InputError

P = ParamSpec("P")
Result = TypeVar("Result")
Class = TypeVar("Class")

NUMBERS: Mapping[object, type] = {int: Integral, float: Real}
"""The abstract types of numbers, so that those of NumPy are accepted too."""
NAMES: Mapping[str, str] = {
    "NoneType": "None",
    "ndarray": "array",
    "Iterable": "list",
    "Callable": "function",
}
"""The names of types in messages, where the name of the class is not usual."""
CHECKED_LATER = ("precision",)
"""The arguments whose values depend on the target or the runtime, which refuses others and lists its own."""


def check_arguments(function: Callable[P, Result]) -> Callable[P, Result]:
    """Decorate a function so that an argument of another type than its annotation, or a value that is not one
    of its ``Literal``, raises ``InputError``."""
    signature = inspect.signature(function)

    @cache  # when it is first called, since some annotations name modules that are imported later
    def annotations() -> Mapping[str, Any]:
        return annotations_of(function)

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Result:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            _check(name, value, annotations().get(name, Any))
        return function(*args, **kwargs)

    return checked


def check_fields(cls: type[Class]) -> type[Class]:
    """Decorate a dataclass so that a field is checked as the arguments by ``check_arguments``."""
    initialize: Callable[..., None] = cls.__init__
    signature = inspect.signature(initialize)

    @wraps(initialize)
    def checked(self: Class, *args: Any, **kwargs: Any) -> None:
        annotations = annotations_of(cls)
        for name, value in signature.bind(self, *args, **kwargs).arguments.items():
            _check(name, value, annotations.get(name, Any))
        initialize(self, *args, **kwargs)

    cls.__init__ = checked  # type: ignore[method-assign, assignment]
    return cls


def annotations_of(annotated: Any) -> Mapping[str, Any]:
    """Return the annotations of a function or class as types, with the class of arrays for ``types.Array``,
    which is a text."""
    numpy = sys.modules.get("numpy")
    names = {"np": numpy, "Any": Any, "Array": numpy.ndarray} if numpy else {}
    return get_type_hints(annotated, localns=names)


def _check(name: str, value: Any, annotation: Any) -> None:
    if get_origin(annotation) is Unpack:  # the keyword arguments of a TypedDict
        fields = get_type_hints(get_args(annotation)[0])
        for key, member in value.items():
            _check(key, member, fields.get(key, Any))
    elif isinstance(value, str) and _has_values(annotation):
        if name not in CHECKED_LATER and not _matches(value, annotation):
            raise InputError(f"`{name}={value}`: unknown value", expected=_describe(annotation))
    elif not _matches(value, annotation):
        raise InputError(
            f"`{name}`: wrong type",
            found=_describe_value(value),
            expected=_describe(annotation),
        )


def _matches(value: Any, annotation: Any) -> bool:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return any(_matches(value, part) for part in parts)
    if origin is Literal:
        return any(isinstance(value, type(part)) and value == part for part in parts)
    if annotation in NUMBERS:
        return isinstance(value, NUMBERS[annotation]) and not isinstance(value, bool)
    if origin is tuple:
        return _is_tuple(value, parts)
    kind = type(None) if annotation is None else origin or annotation
    if kind is Any or not isinstance(kind, type):
        return True
    if isinstance(value, str) and kind is not str and origin is not None:  # an iterable of its characters
        return False
    return isinstance(value, kind) and _are_members(value, parts)


def _has_values(annotation: Any) -> bool:
    """Return whether the annotation is a ``Literal``, or a union with one."""
    if get_origin(annotation) in (Union, types.UnionType):
        return any(map(_has_values, get_args(annotation)))
    return get_origin(annotation) is Literal


def _is_tuple(value: Any, parts: tuple[Any, ...]) -> bool:
    """Return whether a value is a tuple, or a list in place of one, with members of these types."""
    if not isinstance(value, (tuple, list)):
        return False
    if parts[-1] is Ellipsis:
        return all(_matches(member, parts[0]) for member in value)
    return len(value) == len(parts) and all(map(_matches, value, parts))


def _are_members(value: Any, parts: tuple[Any, ...]) -> bool:
    """Return whether the members of a list or the like match; an iterator is not read."""
    if not isinstance(value, (list, tuple, set, frozenset)) or not parts:
        return True
    return all(_matches(member, parts[0]) for member in value)


def _describe(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(_describe, parts)))
    if origin is Literal:
        return " or ".join(map(str, parts))
    if origin is tuple and parts[-1] is not Ellipsis:
        return f"({', '.join(map(_describe, parts))})"
    name = getattr(origin or annotation, "__name__", str(annotation))
    plain = NAMES.get(name, name)
    is_series = origin is tuple or (isinstance(origin, type) and issubclass(origin, Iterable))
    return f"{plain} of {_describe(parts[0])}" if is_series and plain in ("list", "tuple") else plain


def _describe_value(value: Any) -> str:
    members = {type(member).__name__ for member in value} if isinstance(value, (list, tuple)) else set()
    kind = type(value).__name__
    return f"{kind} of {', '.join(sorted(members))}" if members else NAMES.get(kind, kind)
