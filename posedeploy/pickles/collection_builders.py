"""The handlers of instructions that build and fill tuples, lists, dictionaries and sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from posedeploy.pickles.literals import Handler
from posedeploy.pickles.machine import ITEM_BYTES, OBJECTS, PickleMachine
from posedeploy.pickles.values import PickleError

LIST_BYTES, SET_BYTES = 64, 224
"""The size of an empty list, tuple or dictionary, and of an empty set."""


def new_container(kind: Callable[[], Any], size: int) -> Handler:
    def push(machine: PickleMachine) -> None:
        machine.meter.reserve(size, OBJECTS)
        machine.stack.append(kind())

    return push


def build_tuple_of(count: int) -> Handler:
    def push(machine: PickleMachine) -> None:
        if len(machine.stack) < count:
            raise PickleError("its stack is empty")
        machine.meter.reserve(LIST_BYTES, OBJECTS)
        machine.stack[-count:] = [tuple(machine.stack[-count:])]

    return push


def build_tuple(machine: PickleMachine) -> None:
    machine.meter.reserve(LIST_BYTES, OBJECTS)
    machine.stack.append(tuple(machine.pop_mark()))


def build_list(machine: PickleMachine) -> None:
    machine.meter.reserve(LIST_BYTES, OBJECTS)
    machine.stack.append(machine.pop_mark())


def build_dict(machine: PickleMachine) -> None:
    items = machine.pop_mark()
    machine.meter.reserve(LIST_BYTES, OBJECTS)
    machine.stack.append({})
    machine.set_items(machine.stack[-1], items)


def build_frozenset(machine: PickleMachine) -> None:
    items = machine.pop_mark()
    machine.meter.reserve(SET_BYTES + ITEM_BYTES * len(items), OBJECTS)
    machine.stack.append(frozenset(map(machine.to_hashable, items)))


def append(machine: PickleMachine) -> None:
    value = machine.stack.pop()
    machine.append(machine.stack[-1], [value])


def append_all(machine: PickleMachine) -> None:
    items = machine.pop_mark()
    machine.append(machine.stack[-1], items)


def set_item(machine: PickleMachine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_items(machine.stack[-1], [key, value])


def set_items(machine: PickleMachine) -> None:
    items = machine.pop_mark()
    machine.set_items(machine.stack[-1], items)


def add_items(machine: PickleMachine) -> None:
    items, target = machine.pop_mark(), machine.stack[-1]
    if isinstance(target, set):
        machine.meter.reserve(ITEM_BYTES * len(items), OBJECTS)
        target.update(map(machine.to_hashable, items))
    else:
        machine.append(target, items)
