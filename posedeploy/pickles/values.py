"""What a pickle becomes here, beside plain containers, numbers, text and bytes: objects that do nothing."""

from __future__ import annotations

from typing import Any


class PickleError(Exception):
    """A pickle is damaged, hostile or not one. The message says why, without the file's name."""


class Global:
    """A class or function that a pickle names; it is never imported."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __str__(self) -> str:
        return f"{self.module}.{self.name}" if self.module else self.name


class StandIn:
    """An object of any other class: what it was to be made of, stored and never used.

    made_by: the class or function that was to be called, or what a call of it was to give.
    arguments: what it was to be called with. state: what it was to be restored from.
    mapping, elements: the entries that were to be set in it and those that were to be appended to it.
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
        """The name of its class, or of the function that was to make it."""
        return str(self.made_by) if isinstance(self.made_by, Global) else "an object"


class Unreadable:
    """An array or tensor that cannot be rebuilt: why, and its shape where that is known."""

    __slots__ = ("problem", "shape")

    def __init__(self, problem: str, shape: tuple[int, ...] = ()) -> None:
        self.problem = problem
        self.shape = shape
