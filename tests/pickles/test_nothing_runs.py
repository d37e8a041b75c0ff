"""No global outside the table of meanings is ever imported or called, by whatever instruction."""

from __future__ import annotations

import io
import pickle
import pickletools
import subprocess
import sys
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from posedeploy.pickles.archives import ZipArchive
from posedeploy.pickles.calls import CALLS
from posedeploy.pickles.legacy import MAGIC, PROTOCOL
from posedeploy.pickles.meter import Meter
from posedeploy.pickles.opcodes import OPCODES
from posedeploy.pickles.reading import load_pickle
from posedeploy.pickles.regions import Region
from posedeploy.pickles.torch_zip import load_torch_archive
from posedeploy.pickles.values import PickleError
from tests.pickles.streams import IDENTITIES, attacks, text

NAMES = [*attacks(Path("canary")), *IDENTITIES]


def region(content: bytes) -> Region:
    """Bytes as a file."""
    return Region(io.BytesIO(content), 0, len(content))


def _bare(content: bytes) -> Any:
    return load_pickle(region(content))


def _legacy(content: bytes) -> Any:
    parts = [pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, {"little_endian": True})]
    return load_pickle(region(b"".join([*parts, content, pickle.dumps([], 2)])))


def _zip(content: bytes) -> Any:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a/data.pkl", content)
    with ExitStack() as opened:
        whole = region(stream.getvalue())
        meter = Meter(whole.size)
        return load_torch_archive(ZipArchive(whole, meter, opened), "a/", meter, CALLS)


@pytest.mark.parametrize("load", [_bare, _legacy, _zip])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_called_in_any_protocol(tmp_path: Path, name: str, load: Any) -> None:
    canary = tmp_path / "it-ran"
    body = {**attacks(canary), **IDENTITIES}[name]
    for protocol in range(6):
        content = b"\x80" + bytes([protocol]) + b"}" + text("a") + body + b"s."
        try:
            assert "a" in load(content)
        except PickleError as error:
            assert name in IDENTITIES, error
        assert not canary.exists()


@pytest.mark.parametrize("name", ["REDUCE", "REDUCE of a stack global", "REDUCE of exec", "INST", "OBJ"])
def test_the_same_pickles_would_run_in_python_s_own_reader(tmp_path: Path, name: str) -> None:
    canary = tmp_path / "it-ran"
    pickle.loads(b"\x80\x04" + attacks(canary)[name] + b".")
    assert canary.exists()


AUDIT = """
import io, sys
from pathlib import Path
from posedeploy.pickles.reading import load_pickle
from posedeploy.pickles.regions import Region
from posedeploy.pickles.values import PickleError
from tests.pickles.streams import IDENTITIES, attacks
bodies = {**attacks(Path("canary")), **IDENTITIES}
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, arguments)))
for protocol in range(6):
    for name, body in bodies.items():
        content = b"\\x80" + bytes([protocol]) + body + b"."
        try:
            load_pickle(Region(io.BytesIO(content), 0, len(content)))
        except PickleError:
            pass
print(seen)
"""


def test_the_interpreter_sees_no_import_call_or_file() -> None:
    root = Path(__file__).parents[2]
    process = subprocess.run(
        [sys.executable, "-c", AUDIT], capture_output=True, text=True, check=True, cwd=root
    )
    assert process.stdout.strip() == "[]"


def test_the_table_of_meanings_calls_only_functions_of_this_package() -> None:
    assert {meaning.__module__.partition(".pickles.")[0] for meaning in CALLS.values()} == {"posedeploy"}
    assert all(module and name for module, name in CALLS)


def test_the_table_of_instructions_is_python_s_but_for_what_is_refused() -> None:
    refused = {"STOP", "NEXT_BUFFER", "READONLY_BUFFER"}
    known = {opcode.name: opcode.code.encode("latin1") for opcode in pickletools.opcodes}
    assert {name: code for name, (code, _) in OPCODES.items()} == {
        name: code for name, code in known.items() if name not in refused
    }
