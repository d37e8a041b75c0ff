"""The instructions of a pickle that push a number, text or bytes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

from posedeploy.limits import MAX_DIGITS, MAX_INTEGER_BYTES
from posedeploy.pickles.machine import Machine
from posedeploy.pickles.meter import check
from posedeploy.pickles.values import PickleError

Handler = Callable[[Machine], None]
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
"""How ``repr`` of Python 2 wrote the bytes of a string that are not printed as they are."""


def constant(value: Any) -> Handler:
    return lambda machine: machine.stack.append(value)


def unsigned(size: int) -> Handler:
    return lambda machine: machine.stack.append(machine.take_number(size))


def signed(machine: Machine) -> None:
    machine.stack.append(int.from_bytes(machine.take(4), "little", signed=True))


def long_integer(length_size: int) -> Handler:
    def push(machine: Machine) -> None:
        size = machine.take_number(length_size)
        check("bytes of an integer", size, MAX_INTEGER_BYTES)
        machine.stack.append(int.from_bytes(machine.take(size), "little", signed=True))

    return push


def digits(machine: Machine) -> bytes:
    line = machine.take_line()
    check("characters of a number", len(line), MAX_DIGITS)
    return line


def integer_line(machine: Machine) -> None:
    line = digits(machine)
    machine.stack.append(line == b"01" if line in (b"00", b"01") else int(line))


def long_line(machine: Machine) -> None:
    machine.stack.append(int(digits(machine).removesuffix(b"L")))


def float_line(machine: Machine) -> None:
    machine.stack.append(float(digits(machine)))


def real(machine: Machine) -> None:
    machine.stack.append(struct.unpack(">d", machine.take(8))[0])


def quoted_line(machine: Machine) -> None:
    line = machine.take_line().strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"'\"":
        raise PickleError("a string without quotes")
    machine.stack.append(ESCAPE.sub(_unescaped, line[1:-1]).decode("latin1"))


def _unescaped(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return bytes([int(code[1:], 16)]) if len(code) == 3 else ESCAPED.get(code, code)


def string(length_size: int) -> Handler:
    def push(machine: Machine) -> None:
        machine.stack.append(machine.take_long(machine.take_number(length_size)).decode("latin1"))

    return push


def byte_string(length_size: int) -> Handler:
    return lambda machine: machine.stack.append(machine.take_long(machine.take_number(length_size)))


def text(length_size: int) -> Handler:
    return lambda machine: machine.stack.append(machine.take_text(machine.take_number(length_size)))


def text_line(machine: Machine) -> None:
    line = machine.take_line()
    machine.meter.take(7 * len(line), "text of a pickle")
    text = line.decode("raw-unicode-escape")
    machine.stack.append(text.encode("utf-8", "backslashreplace").decode())
