"""The handlers of instructions that name, call and restore objects, without importing or running any."""

from __future__ import annotations

from posedeploy.pickles.literals import Handler
from posedeploy.pickles.machine import OBJECTS, STAND_IN_BYTES, PickleMachine
from posedeploy.pickles.values import Global, StandIn


def _read_global(machine: PickleMachine) -> Global:
    module, name = (machine.read_line().decode("utf-8", "backslashreplace") for _ in range(2))
    return machine.get_global(module, name)


def push_global(machine: PickleMachine) -> None:
    machine.stack.append(_read_global(machine))


def push_stack_global(machine: PickleMachine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.get_global(module, name))


def call_named_class(machine: PickleMachine) -> None:
    kind = _read_global(machine)
    machine.stack.append(machine.call(kind, tuple(machine.pop_mark())))


def call_class(machine: PickleMachine) -> None:
    kind, *arguments = machine.pop_mark()
    machine.stack.append(machine.call(kind, tuple(arguments)))


def call(machine: PickleMachine) -> None:
    arguments, callee = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.call(callee, arguments))


def call_with_keywords(machine: PickleMachine) -> None:
    named, arguments, kind = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    if named:
        machine.meter.reserve(STAND_IN_BYTES, OBJECTS)
    machine.stack.append(StandIn(kind, (arguments, named)) if named else machine.call(kind, arguments))


def set_state(machine: PickleMachine) -> None:
    state = machine.stack.pop()
    machine.restore(machine.stack[-1], state)


def push_extension(size: int) -> Handler:
    """Name an entry of ``copyreg``'s registry by its number. The registry is not used."""
    return lambda machine: machine.stack.append(
        machine.get_global("copyreg", f"extension {machine.read_number(size)}")
    )


def load_persistent_line(machine: PickleMachine) -> None:
    identity = machine.read_line().decode("utf-8", "backslashreplace")
    machine.stack.append(machine.load_persistent(identity))


def load_persistent(machine: PickleMachine) -> None:
    machine.stack.append(machine.load_persistent(machine.stack.pop()))
