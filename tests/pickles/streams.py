"""Malicious pickles: every instruction that names, calls or restores an object, with a harmful function."""

from __future__ import annotations

import struct
from pathlib import Path


def text(value: str) -> bytes:
    """Return the instruction BINUNICODE with a string."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def attacks(canary: Path) -> dict[str, bytes]:
    """Return pickles by instruction, without PROTO and STOP. Each creates the file ``canary`` if the function
    that it names is called."""
    command = f"touch {canary}"
    system = b"cos\nsystem\n"
    code = f"open({str(canary)!r}, 'w').close()"
    return {
        "REDUCE": system + b"(" + text(command) + b"tR",
        "REDUCE of a stack global": text("os") + text("system") + b"\x93(" + text(command) + b"tR",
        "REDUCE of exec": b"cbuiltins\nexec\n(" + text(code) + b"tR",
        "REDUCE of a nested name": b"cos\npath.os.system\n(" + text(command) + b"tR",
        "REDUCE of a result": b"cbuiltins\ngetattr\n(cos\npath\n"
        + text("os")
        + b"tR("
        + text(command)
        + b"tR",
        "REDUCE of apply": b"cfunctools\npartial\n(" + system + text(command) + b"tR)R",
        "NEWOBJ": b"csubprocess\nPopen\n((" + text("touch") + text(str(canary)) + b"lt\x81",
        "NEWOBJ_EX": b"csubprocess\nPopen\n)}"
        + text("args")
        + b"("
        + text("touch")
        + text(str(canary))
        + b"ls\x92",
        "INST": b"(" + text(command) + b"ios\nsystem\n",
        "OBJ": b"(" + system + text(command) + b"o",
        "BUILD": system + b"}" + text("__call__") + text(command) + b"sb",
        "BUILD of a state with a setter": (
            b"cbuiltins\nobject\n)\x81}" + text("__setstate__") + system + b"sb" + text(command) + b"b"
        ),
        "BUILD of a module's function": b"cnumpy\nsave\n}" + text("__code__") + text(code) + b"sb",
        "APPEND": b"cbuiltins\nobject\n)\x81" + system + b"a",
        "SETITEM": b"cbuiltins\nobject\n)\x81" + text("x") + system + b"s",
        "EXT1": b"\x82\x01(" + text(command) + b"tR",
        "EXT2": b"\x83\x01\x00(" + text(command) + b"tR",
        "EXT4": b"\x84\x01\x00\x00\x00(" + text(command) + b"tR",
        "numpy's loader": b"cnumpy\nload\n(" + text(str(canary)) + b"tR",
        "an import": b"cposedeploy_canary\nx\n",
        "a tensor's function": (
            b"ctorch._tensor\n_rebuild_from_type_v2\n("
            + system
            + b"cbuiltins\nobject\n("
            + text(command)
            + b"tNtR"
        ),
        "a codec": b"c_codecs\nencode\n(" + text("x") + text("posedeploy_canary") + b"tR",
        "a hook of a parameter": (
            b"ctorch._utils\n_rebuild_parameter\n(N\x88(" + text("hook") + system + b"dtR"
        ),
    }


IDENTITIES = {
    "PERSID": b"Pos.system\n",
    "BINPERSID": b"(" + text("storage") + b"cos\nsystem\n" + text("0") + text("cpu") + b"K\x01tQ",
    "BINPERSID of a module": b"(" + text("module") + b"cos\nsystem\n" + text("a") + text("b") + b"tQ",
}
"""Pickles with a persistent ID that contains a function."""
