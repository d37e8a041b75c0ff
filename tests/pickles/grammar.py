"""Random pickles from a grammar: mostly valid, with every instruction and with extreme values."""

from __future__ import annotations

import random
import struct

from posedeploy.pickles.calls import CALLS
from posedeploy.pickles.opcodes import OPCODES

NAMES = [*CALLS, ("os", "system"), ("builtins", "eval"), ("torch", "FloatStorage"), ("numpy", "ndarray"),
         ("argparse", "Namespace"), ("", ""), ("a.b", "c.d"), ("torch", "float8_e4m3fn")]  # fmt: skip
NUMBERS = [0, 1, 2, 3, 8, 255, 256, 65535, 1 << 20, (1 << 31) - 1, 1 << 32, (1 << 63) - 1, 1 << 63]
TEXTS = ["", "a", "f4", "<f8", "|O", "V8", "storage", "module", "cpu", "0", "latin1", "C", "_modules",
         "state_dict", "_parameters", "é\0\n", "x" * 300]  # fmt: skip
LENGTHS = {"B": 4, "C": 1, "\x8e": 8, "\x96": 8, "X": 4, "\x8c": 1, "\x8d": 8, "T": 4, "U": 1}
FIXED = {"J": 4, "K": 1, "M": 2, "G": 8, "\x82": 1, "\x83": 2, "\x84": 4, "\x80": 1, "\x95": 8}
CODES = tuple(code.decode("latin1") for code, _ in OPCODES.values())
PUSHES = "NK\x88\x89)]}\x8f"
"""Instructions that push a value and have no argument."""


def program(seed: int) -> bytes:
    """Return a pickle. Most end with STOP."""
    rng = random.Random(seed)
    parts = [b"\x80", bytes([rng.choice([0, 1, 2, 3, 4, 5, 5, 7])])] if rng.random() < 0.7 else []
    if rng.random() < 0.6:
        parts.append(b"}" + b"".join(_entry(rng) for _ in range(rng.randint(1, 8))))
    else:
        parts += [rng.choice(PHRASES)(rng) for _ in range(rng.randint(1, 60))]
    content = b"".join(parts) + b"."
    if rng.random() < 0.1:
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed)
    return content


def _instruction(rng: random.Random) -> bytes:
    code = rng.choice(CODES)
    return code.encode("latin1") + _argument(rng, code)


def _argument(rng: random.Random, code: str) -> bytes:
    if code in LENGTHS:
        data = rng.choice(TEXTS).encode()[:255]
        length = rng.choice(NUMBERS) if rng.random() < 0.05 else len(data)
        return (length & ((1 << 8 * LENGTHS[code]) - 1)).to_bytes(LENGTHS[code], "little") + data
    if code in "\x8a\x8b":
        data = rng.choice(NUMBERS).to_bytes(9, "little", signed=True)
        return len(data).to_bytes(1 if code == "\x8a" else 4, "little") + data
    if code in "hjqr":
        size = 1 if code in "hq" else 4
        index = rng.choice(NUMBERS) if rng.random() < 0.05 else rng.randrange(12)
        return (index & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    if code in FIXED:
        return rng.randbytes(FIXED[code])
    return _line(rng, code)


def _line(rng: random.Random, code: str) -> bytes:
    if code in "gpILF":
        number = rng.choice([*NUMBERS[:6], -1, "x", "1e999", "9" * 3000])
        return str(number).encode() + b"\n"
    if code in "SVP":
        quote = "'" if code == "S" else ""
        return f"{quote}{rng.choice(TEXTS)}{quote}".encode("unicode_escape") + b"\n"
    return _name(rng) if code in "ci" else b""


def _name(rng: random.Random) -> bytes:
    module, name = rng.choice(NAMES)
    return f"{module}\n{name}\n".encode()


def _value(rng: random.Random, depth: int = 0) -> bytes:
    kind = rng.randrange(7 if depth < 3 else 3)
    if kind == 0:
        return b"K" + rng.randbytes(1) if rng.random() < 0.8 else b"J" + rng.randbytes(4)
    if kind == 1:
        text = rng.choice(TEXTS).encode()
        return b"X" + struct.pack("<I", len(text)) + text
    if kind == 2:
        data = rng.randbytes(rng.choice([0, 4, 8, 24]))
        return b"C" + bytes([len(data)]) + data
    if kind == 3:
        return b"(" + b"".join(_value(rng, depth + 1) for _ in range(rng.randrange(5))) + b"t"
    if kind == 4:
        return b"(" + b"".join(_value(rng, depth + 1) for _ in range(2 * rng.randrange(3))) + b"d"
    if kind == 5:
        return _call(rng, depth + 1)
    return _storage(rng)


def _call(rng: random.Random, depth: int = 0) -> bytes:
    arguments = b"".join(_value(rng, depth + 1) for _ in range(rng.randrange(8)))
    call = b"c" + _name(rng) + b"(" + arguments + b"t" + rng.choice([b"R", b"\x81"])
    return call + (_value(rng, depth + 1) + b"b" if rng.random() < 0.4 else b"")


def _entry(rng: random.Random) -> bytes:
    text = rng.choice(TEXTS).encode()
    return b"X" + struct.pack("<I", len(text)) + text + rng.choice((_value, _call, _tensor))(rng) + b"s"


def _storage(rng: random.Random) -> bytes:
    count = b"J" + struct.pack("<i", 6 if rng.random() < 0.97 else rng.choice([0, 1, 1 << 30, -1]))
    key = rng.choice([b"0", b"1"])
    return b"(U\x07storagectorch\nFloatStorage\nU\x01" + key + b"U\x03cpu" + count + b"tQ"


def _tensor(rng: random.Random) -> bytes:
    sizes = b"".join(b"J" + struct.pack("<i", rng.choice([0, 1, 2, 3, 1 << 30])) for _ in range(4))
    shape, stride = b"(" + sizes[:10] + b"t", b"(" + sizes[10:] + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + _storage(rng) + b"K\x00" + shape + stride + b"\x89NtR"


PHRASES = (_instruction, _value, _call, _storage, _tensor, _value)
