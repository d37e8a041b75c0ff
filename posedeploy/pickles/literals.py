"""The handlers of instructions that push a number, text or bytes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

from posedeploy.limits import MAX_DIGITS, MAX_INTEGER_BYTES
from posedeploy.pickles.machine import PickleMachine
from posedeploy.pickles.meter import check_limit
from posedeploy.pickles.values import PickleError

Handler = Callable[[PickleMachine], None]
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
"""The escapes in strings that Python 2's ``repr`` wrote."""


def push_constant(value: Any) -> Handler:
    return lambda machine: machine.stack.append(value)


def push_unsigned(size: int) -> Handler:
    return lambda machine: machine.stack.append(machine.read_number(size))


def push_signed(machine: PickleMachine) -> None:
    machine.stack.append(int.from_bytes(machine.read_exactly(4), "little", signed=True))


def push_long(length_size: int) -> Handler:
    def push(machine: PickleMachine) -> None:
        size = machine.read_number(length_size)
        check_limit("bytes of an integer", size, MAX_INTEGER_BYTES)
        machine.stack.append(int.from_bytes(machine.read_exactly(size), "little", signed=True))

    return push


def read_digits(machine: PickleMachine) -> bytes:
    line = machine.read_line()
    check_limit("characters of a number", len(line), MAX_DIGITS)
    return line


def push_int_line(machine: PickleMachine) -> None:
    line = read_digits(machine)
    machine.stack.append(line == b"01" if line in (b"00", b"01") else int(line))


def push_long_line(machine: PickleMachine) -> None:
    machine.stack.append(int(read_digits(machine).removesuffix(b"L")))


def push_float_line(machine: PickleMachine) -> None:
    machine.stack.append(float(read_digits(machine)))


def push_float(machine: PickleMachine) -> None:
    machine.stack.append(struct.unpack(">d", machine.read_exactly(8))[0])


def push_string_line(machine: PickleMachine) -> None:
    line = machine.read_line().strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"'\"":
        raise PickleError("a string has no quotes")
    machine.stack.append(ESCAPE.sub(_unescape, line[1:-1]).decode("latin1"))


def _unescape(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return bytes([int(code[1:], 16)]) if len(code) == 3 else ESCAPES.get(code, code)


def push_string(length_size: int) -> Handler:
    def push(machine: PickleMachine) -> None:
        machine.stack.append(machine.read_long(machine.read_number(length_size)).decode("latin1"))

    return push


def push_bytes(length_size: int) -> Handler:
    return lambda machine: machine.stack.append(machine.read_long(machine.read_number(length_size)))


def push_text(length_size: int) -> Handler:
    return lambda machine: machine.stack.append(machine.read_text(machine.read_number(length_size)))


def push_text_line(machine: PickleMachine) -> None:
    line = machine.read_line()
    machine.meter.reserve(7 * len(line), "text of a pickle")
    text = line.decode("raw-unicode-escape")
    machine.stack.append(text.encode("utf-8", "backslashreplace").decode())
