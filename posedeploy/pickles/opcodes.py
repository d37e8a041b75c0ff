"""The instructions of a pickle, as one table: what each does to the machine. All others are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from posedeploy.limits import MAX_OPCODES
from posedeploy.pickles.literals import (
    Handler,
    byte_string,
    constant,
    digits,
    float_line,
    integer_line,
    long_integer,
    long_line,
    quoted_line,
    real,
    signed,
    string,
    text,
    text_line,
    unsigned,
)
from posedeploy.pickles.machine import DAMAGE, ENTRY_BYTES, OBJECTS, STAND_IN_BYTES, Machine
from posedeploy.pickles.values import Global, PickleError, StandIn

HIGHEST_PROTOCOL = 5
LIST_BYTES, SET_BYTES = 64, 224
"""Of an empty list, tuple or dictionary, and of an empty set."""


def run(machine: Machine) -> Any:
    """Read one pickle to its end; the stream then stands behind it.

    Raises:
        PickleError: it is damaged, or goes beyond a limit.
    """
    read, handlers, meter = machine.read, _HANDLERS, machine.meter
    try:
        while meter.instructions < MAX_OPCODES:
            meter.instructions += 1
            code = read(1)
            handler = handlers.get(code)
            if handler is not None:
                handler(machine)
            elif code == b".":
                return machine.stack.pop()
            else:
                raise PickleError(_refusal(code))
    except DAMAGE as error:
        raise PickleError(f"it is damaged ({error})") from error
    raise PickleError(f"it has more than {MAX_OPCODES} instructions, which are allowed")


def _refusal(code: bytes) -> str:
    if not code:
        return "it is cut off"
    if code in (b"\x97", b"\x98"):
        return "it needs bytes that are outside of it"
    return f"{code!r} is no instruction of a pickle"


def _protocol(machine: Machine) -> None:
    version = machine.take(1)[0]
    if version > HIGHEST_PROTOCOL:
        raise PickleError(f"its protocol is {version}, at most {HIGHEST_PROTOCOL} is known")


def _frame(machine: Machine) -> None:
    machine.take(8)


def _new(kind: Callable[[], Any], size: int) -> Handler:
    def push(machine: Machine) -> None:
        machine.meter.take(size, OBJECTS)
        machine.stack.append(kind())

    return push


def _tuple_of(count: int) -> Handler:
    def push(machine: Machine) -> None:
        if len(machine.stack) < count:
            raise PickleError("its stack is empty")
        machine.meter.take(LIST_BYTES, OBJECTS)
        machine.stack[-count:] = [tuple(machine.stack[-count:])]

    return push


def _tuple(machine: Machine) -> None:
    machine.meter.take(LIST_BYTES, OBJECTS)
    machine.stack.append(tuple(machine.pop_mark()))


def _list(machine: Machine) -> None:
    machine.meter.take(LIST_BYTES, OBJECTS)
    machine.stack.append(machine.pop_mark())


def _dict(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.meter.take(LIST_BYTES, OBJECTS)
    machine.stack.append({})
    machine.set_items(machine.stack[-1], items)


def _frozenset(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.meter.take(SET_BYTES + ENTRY_BYTES * len(items), OBJECTS)
    machine.stack.append(frozenset(map(machine.hashable, items)))


def _append(machine: Machine) -> None:
    value = machine.stack.pop()
    machine.append(machine.stack[-1], [value])


def _appends(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.append(machine.stack[-1], items)


def _set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_items(machine.stack[-1], [key, value])


def _set_items(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.set_items(machine.stack[-1], items)


def _add_items(machine: Machine) -> None:
    items, target = machine.pop_mark(), machine.stack[-1]
    if isinstance(target, set):
        machine.meter.take(ENTRY_BYTES * len(items), OBJECTS)
        target.update(map(machine.hashable, items))
    else:
        machine.append(target, items)


def _pop(machine: Machine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()


def _pop_mark(machine: Machine) -> None:
    machine.pop_mark()


def _dup(machine: Machine) -> None:
    machine.stack.append(machine.stack[-1])


def _get_text(machine: Machine) -> None:
    machine.recall(int(digits(machine)))


def _put_text(machine: Machine) -> None:
    machine.remember(int(digits(machine)))


def _get(size: int) -> Handler:
    return lambda machine: machine.recall(machine.take_number(size))


def _put(size: int) -> Handler:
    return lambda machine: machine.remember(machine.take_number(size))


def _memoize(machine: Machine) -> None:
    machine.remember(machine.memo_count)


def _name(machine: Machine) -> Global:
    module, name = (machine.take_line().decode("utf-8", "backslashreplace") for _ in range(2))
    return machine.named(module, name)


def _global(machine: Machine) -> None:
    machine.stack.append(_name(machine))


def _stack_global(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.named(module, name))


def _inst(machine: Machine) -> None:
    kind = _name(machine)
    machine.stack.append(machine.call(kind, tuple(machine.pop_mark())))


def _obj(machine: Machine) -> None:
    kind, *arguments = machine.pop_mark()
    machine.stack.append(machine.call(kind, tuple(arguments)))


def _call(machine: Machine) -> None:
    arguments, callee = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.call(callee, arguments))


def _new_with_names(machine: Machine) -> None:
    named, arguments, kind = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    if named:
        machine.meter.take(STAND_IN_BYTES, OBJECTS)
    machine.stack.append(StandIn(kind, (arguments, named)) if named else machine.call(kind, arguments))


def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    machine.restore(machine.stack[-1], state)


def _extension(size: int) -> Handler:
    """A number in a registry that every program fills as it likes; it is never looked up."""
    return lambda machine: machine.stack.append(
        machine.named("copyreg", f"extension {machine.take_number(size)}")
    )


def _outside_text(machine: Machine) -> None:
    identity = machine.take_line().decode("utf-8", "backslashreplace")
    machine.stack.append(machine.outside(identity))


def _outside(machine: Machine) -> None:
    machine.stack.append(machine.outside(machine.stack.pop()))


OPCODES: dict[str, tuple[bytes, Handler]] = {
    "PROTO": (b"\x80", _protocol),
    "FRAME": (b"\x95", _frame),
    "NONE": (b"N", constant(None)),
    "NEWTRUE": (b"\x88", constant(True)),
    "NEWFALSE": (b"\x89", constant(False)),
    "INT": (b"I", integer_line),
    "BININT": (b"J", signed),
    "BININT1": (b"K", unsigned(1)),
    "BININT2": (b"M", unsigned(2)),
    "LONG": (b"L", long_line),
    "LONG1": (b"\x8a", long_integer(1)),
    "LONG4": (b"\x8b", long_integer(4)),
    "FLOAT": (b"F", float_line),
    "BINFLOAT": (b"G", real),
    "STRING": (b"S", quoted_line),
    "BINSTRING": (b"T", string(4)),
    "SHORT_BINSTRING": (b"U", string(1)),
    "BINBYTES": (b"B", byte_string(4)),
    "SHORT_BINBYTES": (b"C", byte_string(1)),
    "BINBYTES8": (b"\x8e", byte_string(8)),
    "BYTEARRAY8": (b"\x96", byte_string(8)),
    "UNICODE": (b"V", text_line),
    "BINUNICODE": (b"X", text(4)),
    "SHORT_BINUNICODE": (b"\x8c", text(1)),
    "BINUNICODE8": (b"\x8d", text(8)),
    "EMPTY_LIST": (b"]", _new(list, LIST_BYTES)),
    "EMPTY_DICT": (b"}", _new(dict, LIST_BYTES)),
    "EMPTY_SET": (b"\x8f", _new(set, SET_BYTES)),
    "EMPTY_TUPLE": (b")", constant(())),
    "TUPLE1": (b"\x85", _tuple_of(1)),
    "TUPLE2": (b"\x86", _tuple_of(2)),
    "TUPLE3": (b"\x87", _tuple_of(3)),
    "TUPLE": (b"t", _tuple),
    "LIST": (b"l", _list),
    "DICT": (b"d", _dict),
    "FROZENSET": (b"\x91", _frozenset),
    "APPEND": (b"a", _append),
    "APPENDS": (b"e", _appends),
    "SETITEM": (b"s", _set_item),
    "SETITEMS": (b"u", _set_items),
    "ADDITEMS": (b"\x90", _add_items),
    "MARK": (b"(", Machine.set_mark),
    "POP": (b"0", _pop),
    "POP_MARK": (b"1", _pop_mark),
    "DUP": (b"2", _dup),
    "GET": (b"g", _get_text),
    "BINGET": (b"h", _get(1)),
    "LONG_BINGET": (b"j", _get(4)),
    "PUT": (b"p", _put_text),
    "BINPUT": (b"q", _put(1)),
    "LONG_BINPUT": (b"r", _put(4)),
    "MEMOIZE": (b"\x94", _memoize),
    "GLOBAL": (b"c", _global),
    "STACK_GLOBAL": (b"\x93", _stack_global),
    "EXT1": (b"\x82", _extension(1)),
    "EXT2": (b"\x83", _extension(2)),
    "EXT4": (b"\x84", _extension(4)),
    "INST": (b"i", _inst),
    "OBJ": (b"o", _obj),
    "NEWOBJ": (b"\x81", _call),
    "NEWOBJ_EX": (b"\x92", _new_with_names),
    "REDUCE": (b"R", _call),
    "BUILD": (b"b", _build),
    "PERSID": (b"P", _outside_text),
    "BINPERSID": (b"Q", _outside),
}
"""By the names of Python's ``pickletools``; STOP ends the pickle. NEXT_BUFFER and READONLY_BUFFER are
refused: what they give is not in the file."""
_HANDLERS = {code: handler for code, handler in OPCODES.values()}
