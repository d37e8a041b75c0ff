"""The table of pickle instructions and their handlers. All other instructions are refused."""

from __future__ import annotations

from typing import Any

from posedeploy.limits import MAX_OPCODES
from posedeploy.pickles import collection_builders, literals, objects
from posedeploy.pickles.collection_builders import LIST_BYTES, SET_BYTES
from posedeploy.pickles.literals import Handler, push_constant
from posedeploy.pickles.machine import DAMAGE_ERRORS, PickleMachine
from posedeploy.pickles.values import PickleError

MAX_PROTOCOL = 5


def run(machine: PickleMachine) -> Any:
    """Read one pickle from the stream, up to and including STOP.

    Raises:
        PickleError: it is damaged or exceeds a limit.
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
                raise PickleError(_describe_refusal(code))
    except DAMAGE_ERRORS as error:
        raise PickleError(f"it is damaged ({error})") from error
    raise PickleError(f"it has more than {MAX_OPCODES} instructions")


def _describe_refusal(code: bytes) -> str:
    if not code:
        return "it is truncated"
    if code in (b"\x97", b"\x98"):
        return "it needs out-of-band buffers, which no file contains"
    return f"{code!r} is not a pickle instruction"


def _protocol(machine: PickleMachine) -> None:
    version = machine.read_exactly(1)[0]
    if version > MAX_PROTOCOL:
        raise PickleError(f"its protocol is {version}; expected at most {MAX_PROTOCOL}")


def _frame(machine: PickleMachine) -> None:
    machine.read_exactly(8)


def _pop(machine: PickleMachine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()


def _pop_mark(machine: PickleMachine) -> None:
    machine.pop_mark()


def _dup(machine: PickleMachine) -> None:
    machine.stack.append(machine.stack[-1])


def _get_text(machine: PickleMachine) -> None:
    machine.push_memo(int(literals.read_digits(machine)))


def _put_text(machine: PickleMachine) -> None:
    machine.store_memo(int(literals.read_digits(machine)))


def _get(size: int) -> Handler:
    return lambda machine: machine.push_memo(machine.read_number(size))


def _put(size: int) -> Handler:
    return lambda machine: machine.store_memo(machine.read_number(size))


def _memoize(machine: PickleMachine) -> None:
    machine.store_memo(machine.memo_count)


OPCODES: dict[str, tuple[bytes, Handler]] = {
    "PROTO": (b"\x80", _protocol),
    "FRAME": (b"\x95", _frame),
    "NONE": (b"N", push_constant(None)),
    "NEWTRUE": (b"\x88", push_constant(True)),
    "NEWFALSE": (b"\x89", push_constant(False)),
    "INT": (b"I", literals.push_int_line),
    "BININT": (b"J", literals.push_signed),
    "BININT1": (b"K", literals.push_unsigned(1)),
    "BININT2": (b"M", literals.push_unsigned(2)),
    "LONG": (b"L", literals.push_long_line),
    "LONG1": (b"\x8a", literals.push_long(1)),
    "LONG4": (b"\x8b", literals.push_long(4)),
    "FLOAT": (b"F", literals.push_float_line),
    "BINFLOAT": (b"G", literals.push_float),
    "STRING": (b"S", literals.push_string_line),
    "BINSTRING": (b"T", literals.push_string(4)),
    "SHORT_BINSTRING": (b"U", literals.push_string(1)),
    "BINBYTES": (b"B", literals.push_bytes(4)),
    "SHORT_BINBYTES": (b"C", literals.push_bytes(1)),
    "BINBYTES8": (b"\x8e", literals.push_bytes(8)),
    "BYTEARRAY8": (b"\x96", literals.push_bytes(8)),
    "UNICODE": (b"V", literals.push_text_line),
    "BINUNICODE": (b"X", literals.push_text(4)),
    "SHORT_BINUNICODE": (b"\x8c", literals.push_text(1)),
    "BINUNICODE8": (b"\x8d", literals.push_text(8)),
    "EMPTY_LIST": (b"]", collection_builders.new_container(list, LIST_BYTES)),
    "EMPTY_DICT": (b"}", collection_builders.new_container(dict, LIST_BYTES)),
    "EMPTY_SET": (b"\x8f", collection_builders.new_container(set, SET_BYTES)),
    "EMPTY_TUPLE": (b")", push_constant(())),
    "TUPLE1": (b"\x85", collection_builders.build_tuple_of(1)),
    "TUPLE2": (b"\x86", collection_builders.build_tuple_of(2)),
    "TUPLE3": (b"\x87", collection_builders.build_tuple_of(3)),
    "TUPLE": (b"t", collection_builders.build_tuple),
    "LIST": (b"l", collection_builders.build_list),
    "DICT": (b"d", collection_builders.build_dict),
    "FROZENSET": (b"\x91", collection_builders.build_frozenset),
    "APPEND": (b"a", collection_builders.append),
    "APPENDS": (b"e", collection_builders.append_all),
    "SETITEM": (b"s", collection_builders.set_item),
    "SETITEMS": (b"u", collection_builders.set_items),
    "ADDITEMS": (b"\x90", collection_builders.add_items),
    "MARK": (b"(", PickleMachine.set_mark),
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
    "GLOBAL": (b"c", objects.push_global),
    "STACK_GLOBAL": (b"\x93", objects.push_stack_global),
    "EXT1": (b"\x82", objects.push_extension(1)),
    "EXT2": (b"\x83", objects.push_extension(2)),
    "EXT4": (b"\x84", objects.push_extension(4)),
    "INST": (b"i", objects.call_named_class),
    "OBJ": (b"o", objects.call_class),
    "NEWOBJ": (b"\x81", objects.call),
    "NEWOBJ_EX": (b"\x92", objects.call_with_keywords),
    "REDUCE": (b"R", objects.call),
    "BUILD": (b"b", objects.set_state),
    "PERSID": (b"P", objects.load_persistent_line),
    "BINPERSID": (b"Q", objects.load_persistent),
}
"""The code and handler of each instruction, by its name in ``pickletools``, without STOP. NEXT_BUFFER and
READONLY_BUFFER are refused because their content is not in the file."""
_HANDLERS = {code: handler for code, handler in OPCODES.values()}
