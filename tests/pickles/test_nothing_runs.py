"""No instruction imports or calls a global that is not in the table ``CALLS``."""

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
from posedeploy.pickles.regions import FileRegion
from posedeploy.pickles.torch_zip import load_torch_archive
from posedeploy.pickles.values import PickleError
from tests.pickles.streams import IDENTITIES, attacks, text

NAMES = [*attacks(Path("canary")), *IDENTITIES]


def region(content: bytes) -> FileRegion:
    """Return bytes as a region of a file."""
    return FileRegion(io.BytesIO(content), 0, len(content))


def load_bare(content: bytes) -> Any:
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


@pytest.mark.parametrize("load", [load_bare, _legacy, _zip])
@pytest.mark.parametrize("name", NAMES)
def test_no_protocol_runs_an_attack(tmp_path: Path, name: str, load: Any) -> None:
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
def test_python_s_pickle_module_runs_the_attacks(tmp_path: Path, name: str) -> None:
    canary = tmp_path / "it-ran"
    pickle.loads(b"\x80\x04" + attacks(canary)[name] + b".")
    assert canary.exists()


AUDIT = """
import io, sys
from pathlib import Path
from posedeploy.pickles.reading import load_pickle
from posedeploy.pickles.regions import FileRegion
from posedeploy.pickles.values import PickleError
from tests.pickles.streams import IDENTITIES, attacks
bodies = {**attacks(Path("canary")), **IDENTITIES}
events = []
sys.addaudithook(lambda event, arguments: events.append((event, arguments)))
for protocol in range(6):
    for name, body in bodies.items():
        content = b"\\x80" + bytes([protocol]) + body + b"."
        try:
            load_pickle(FileRegion(io.BytesIO(content), 0, len(content)))
        except PickleError:
            pass
print(events)
"""


def test_reading_raises_no_audit_event() -> None:
    root = Path(__file__).parents[2]
    process = subprocess.run(
        [sys.executable, "-c", AUDIT], capture_output=True, text=True, check=True, cwd=root
    )
    assert process.stdout.strip() == "[]"


def test_calls_are_functions_of_this_package() -> None:
    assert {function.__module__.partition(".pickles.")[0] for function in CALLS.values()} == {"posedeploy"}
    assert all(module and name for module, name in CALLS)


def test_opcodes_are_those_of_pickletools_without_the_refused_ones() -> None:
    refused = {"STOP", "NEXT_BUFFER", "READONLY_BUFFER"}
    expected = {opcode.name: opcode.code.encode("latin1") for opcode in pickletools.opcodes}
    assert {name: code for name, (code, _) in OPCODES.items()} == {
        name: code for name, code in expected.items() if name not in refused
    }
