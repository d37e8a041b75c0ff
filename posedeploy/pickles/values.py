"""The objects that represent everything in a pickle but plain containers, numbers, text and bytes."""

from __future__ import annotations

from typing import Any


class PickleError(Exception):
    """Data is not a pickle, or it is damaged or hostile. The message does not contain the file's name."""


class Global:
    """A class or function that a pickle names; it is never imported."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __str__(self) -> str:
        return f"{self.module}.{self.name}" if self.module else self.name


class StandIn:
    """An object of any other class: the arguments and state that ``pickle`` would create it from.

    made_by: the class or function that ``pickle`` would call. arguments: the arguments of that call. state:
    the argument of ``__setstate__``. mapping, elements: the items that ``pickle`` would set in it and append
    to it.
    """

    __slots__ = ("arguments", "elements", "made_by", "mapping", "state")

    def __init__(self, made_by: Any, arguments: tuple[Any, ...] = ()) -> None:
        self.made_by = made_by
        self.arguments = arguments
        self.state: Any = None
        self.mapping: dict[Any, Any] = {}
        self.elements: list[Any] = []

    @property
    def kind(self) -> str:
        """The name of the class, or of the function that creates the object."""
        return str(self.made_by) if isinstance(self.made_by, Global) else "an object"


class Unreadable:
    """An array or tensor that cannot be rebuilt: the problem, and the shape if it is known."""

    __slots__ = ("problem", "shape")

    def __init__(self, problem: str, shape: tuple[int, ...] = ()) -> None:
        self.problem = problem
        self.shape = shape
