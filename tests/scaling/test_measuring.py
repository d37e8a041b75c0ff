"""``bench --ray`` and ``parity --ray`` on a Ray of nodes of two kinds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from posedeploy import __version__
from posedeploy.benchmarks.machine_info import describe_machine
from tests.commands.conftest import Invoke
from tests.scaling.conftest import OBJECT_STORE_BYTES, running_cluster


@pytest.fixture(scope="module")
def two_kinds() -> Iterator[str]:
    """The address of a cluster with a node of the custom resource ``arm`` and one with a label."""
    with running_cluster() as cluster:
        for resources, labels in (({"arm": 1}, {}), ({}, {"place": "edge"})):
            cluster.add_node(
                num_cpus=1, object_store_memory=OBJECT_STORE_BYTES, resources=resources, labels=labels
            )
        yield cluster.address


@pytest.mark.slow
def test_each_artifact_is_timed_on_each_kind_of_node(
    model: Path, two_kinds: str, invoke: Invoke, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    result = invoke(
        *("bench", model, broken, "--runs", 20, "--threads", 1, "--json", "nodes.json"),
        *("--ray", two_kinds, "--on", "arm", "--on", "edge", "--on", "cpu"),
        columns=160,
    )
    assert result.exit_code == 1
    report = json.loads(Path("nodes.json").read_text())
    assert [row["label"] for row in report["rows"]] == ["arm", "edge", "cpu"] * 2
    for row in report["rows"][:3]:
        assert row["machine"] == str(describe_machine())
        assert row["document"]["format"] == "posedeploy.bench"
        assert row["document"]["results"][-1]["median_ms"] > 0
    assert all("broken.onnx" in row["error"] and row["document"] is None for row in report["rows"][3:])
    assert result.stdout.count("hg2d.onnx") == 3
    assert result.stderr.count(f"error: {broken} on ") == 3


@pytest.mark.slow
def test_parity_has_a_verdict_for_each_kind_of_node(
    model: Path, two_kinds: str, invoke: Invoke, refused: Callable[..., str]
) -> None:
    arguments = ("parity", model, "--checkpoint", model.parent / "hg2d.pth", "--ray", two_kinds)
    result = invoke(*arguments, "--on", "arm", "--on", "edge", "--json", "nodes.json", columns=160)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("passed") == 2
    rows = json.loads(Path("nodes.json").read_text())["rows"]
    assert [row["document"]["passed"] for row in rows] == [True, True]
    message = refused(*arguments, "--on", "npu")
    assert "--on npu: no node of the cluster has this label; expected one of arm, cpu, edge, place" in message


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("bench", ["--on", "cuda"], "--on cuda: chooses nodes of a Ray cluster; add --ray, or leave it out"),
        ("parity", ["--on", "cuda"], "--on cuda: chooses nodes of a Ray cluster; add --ray, or leave it out"),
        (
            "parity",
            ["--ray", "--junit", "a.xml"],
            "--junit a.xml: not available with --ray, which",
        ),
        ("parity", ["--ray", "--save-reference", "a"], "--save-reference a: not available with --ray"),
    ],
)
def test_wrong_options_are_refused(
    model: Path, refused: Callable[..., str], command: str, options: list[str], message: str
) -> None:
    assert message in refused(command, model, *options)


def test_a_node_without_the_runtime_is_a_row_with_the_reason(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from posedeploy.scaling import measuring
    from posedeploy.scaling.outcome import attempt

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "posedeploy.runtimes.onnxruntime", raising=False)
    outcome = attempt(lambda: measuring._measure(__version__, "bench", {"runs": 10}, model))
    row = measuring._to_row(model, "arm", "board", outcome)
    assert "this needs the package onnxruntime, which is not installed" in row.error
    assert row.document is None and not measuring.NodesReport("bench", (row,)).passed


@pytest.mark.parametrize(
    ("arguments", "absolute"),
    [
        ({"checkpoint": Path("sample")}, {"checkpoint": "sample"}),
        ({"checkpoint": Path("a.pth")}, {"checkpoint": "{folder}/a.pth"}),
        ({"against": Path("http://h/v2/models/a")}, {"against": "http://h/v2/models/a"}),
        ({"contract": Path("hrnet"), "stages": 1}, {"contract": "hrnet", "stages": "1"}),
        ({"contract": Path("own.toml")}, {"contract": "{folder}/own.toml"}),
        ({"network": "net.py:build", "mesh": None}, {"network": "{folder}/net.py:build", "mesh": "None"}),
        ({"image": Path("a.png")}, {"image": "{folder}/a.png"}),
    ],
)
def test_arguments_are_valid_in_other_folders(
    tmp_path: Path, arguments: dict[str, object], absolute: dict[str, str]
) -> None:
    from posedeploy.scaling import measuring

    Path("own.toml").touch()
    found = {name: str(value) for name, value in measuring._with_absolute_paths(arguments).items()}
    assert found == {name: value.format(folder=tmp_path) for name, value in absolute.items()}


def test_several_paths_are_valid_in_other_folders(tmp_path: Path) -> None:
    from posedeploy.scaling import measuring

    found = measuring._with_absolute_paths({"images": [Path("a"), Path("/b")], "input_size": (2, 3)})
    assert found == {"images": [tmp_path / "a", Path("/b")], "input_size": [2, 3]}
