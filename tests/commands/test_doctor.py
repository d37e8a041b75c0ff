from __future__ import annotations

import json
from pathlib import Path

import pytest

from posedeploy.backends import RUNTIMES
from posedeploy.plugins import version_of
from tests.commands.conftest import Invoke, lines_wider_than
from tests.tables import ON_CPU


@pytest.mark.slow
def test_everything_here_works(done: Invoke) -> None:
    result = done("doctor", "--json", "d.json")
    document = json.loads(Path("d.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.doctor", 1)
    states = {(finding["kind"], finding["name"]): finding["state"] for finding in document["findings"]}
    tried = {("target", name) for name in ON_CPU}
    tried |= {("runtime", name) for name, row in RUNTIMES.items() if "CPU" in row.devices}
    tried |= {("scoring", "pycocotools")}
    assert tried <= states.keys()
    assert {states[row] for row in tried} == {"works"}
    assert "broken" not in states.values()
    if version_of("tensorrt_rtx") is not None:
        assert states["target", "tensorrt"] == states["flavour", "tensorrt-rtx"] == "works"
    assert {state for (kind, _), state in states.items() if kind == "toolchain"} == {"missing"}
    assert "posedeploy toolchain add onnx2tf" in result.stdout
    assert document["packages"]["openvino"] in result.stdout
    assert not lines_wider_than(80, result.stdout)
    rows = [
        line
        for line in result.stdout.splitlines()
        if line.startswith(("target", "runtime", "flavour", "device", "toolchain", "scoring", "window"))
    ]
    assert len(rows) == len(states), "one line each"
