"""Results that ``report`` refuses, and pages that it cannot write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import posedeploy as pd
from tests.support.result_documents import Edit, edited

pytest.importorskip("jinja2")


def _set(path: str, value: object) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        *parents, last = path.split("/")
        place: Any = document
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[last] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_set("format", "posedeploy.poses"), "found posedeploy.poses, version 2; expected posedeploy.bench"),
        (_set("version", 1), "found posedeploy.bench, version 1; expected posedeploy.bench, version 2"),
        (_set("format", None), "Expected `str`, got `null`"),
        (_set("results/1/times_s", [0.1, float("nan")]), "of human.xml are damaged or missing; found 2"),
        (_set("results/1/times_s", [None]), "Expected `float`, got `null` - at `$.results[1].times_s[0]`"),
        (_set("results/1/times_s", [1e-320] * 40), "equal numbers of both, from 1e-15 to 1e+09 s"),
        (_set("results/1/cpu_times_s", [1e300] * 40), "the raw times of human.xml are damaged or missing"),
        (_set("results/1/times_s", []), "the raw times of human.xml are damaged or missing; found 0 times"),
        (_set("results/1/cpu_times_s", [float("nan")] * 40), "the raw times of human.xml are damaged"),
        (_set("results/1/decode_times_s", [0.1]), "stages of human.xml are damaged or missing; found 40 of"),
        (_set("results/1/loads", []), "the settings of human.xml are damaged or missing; found 0 loads"),
        (_set("results/1/batch", 0), "found 1 loads, batch 0"),
        (_set("machine", {}), "Object missing required field `cpu`"),
    ],
)  # fmt: skip
def test_damaged_results_are_refused_by_name(
    bench: Path, parity: Path, refused: Callable[..., str], edit: Edit, message: str
) -> None:  # fmt: skip
    error = refused("report", parity, edited(bench, edit), "-o", "page.html")
    assert error.startswith("error: bench.json: ") and message in error
    assert not Path("page.html").exists()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_set("settings", {}), "the settings have no checkpoint; run `posedeploy tune` again"),
        (_set("results/0/ms_per_image", -1.0), "the values of openvino bf16 are damaged; found 0.4, -1, 4"),
        (_set("results/0/error/budget_share", -0.1), "the values of openvino bf16 are damaged; found -0.1"),
        (_set("results/0/ms_per_image", 1e308), "the values of openvino bf16 are damaged; found 0.4, 1e+308"),
        (_set("results/0/ms_per_image", 5e-324), "expected numbers from 0 to 1e+30, and at least 1e-12 ms"),
        (
            _set("results/0/error/budget_share", 1e307),
            "the values of openvino bf16 are damaged; found 1e+307",
        ),
        (_set("results/0/ms_per_image", "20"), "Expected `float | null`, got `str`"),
        (_set("objective", "speed"), "Invalid enum value"),
        (_set("version", 2), "found posedeploy.tune, version 2; expected posedeploy.bench"),
        (_set("results", None), "Expected `array`, got `null`"),
    ],
)
def test_damaged_searches_are_refused_by_name(
    search: Path, refused: Callable[..., str], edit: Edit, message: str
) -> None:
    error = refused("report", edited(search, edit), "-o", "page.html")
    assert error.startswith("error: tune.json: ") and message in error


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b'{"format": "posedeploy.bench", "mach', "bench.json: not a JSON result of posedeploy: line 1"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "found no format, version 0"),
        (b"\x89PNG\r\n", "bench.json: not a JSON result of posedeploy"),
        (None, "bench.json: no such file"),
    ],
)  # fmt: skip
def test_files_of_other_kinds_are_refused_by_name(
    parity: Path, refused: Callable[..., str], content: bytes | None, message: str
) -> None:  # fmt: skip
    if content is not None:
        Path("bench.json").write_bytes(content)
    assert message in refused("report", parity, "bench.json")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("folder", "--output folder: a folder; pass a file for the HTML page"),
        ("bench.json", "--output bench.json: one of the results"),
        ("bench.json/page.html", "bench.json"),
    ],
)
def test_a_page_that_cannot_be_written_is_refused(
    bench: Path, refused: Callable[..., str], output: str, message: str
) -> None:  # fmt: skip
    Path("folder").mkdir()
    before = bench.read_bytes()
    assert message in refused("report", bench, "-o", output)
    assert bench.read_bytes() == before


def test_no_result_is_refused() -> None:
    with pytest.raises(pd.PoseDeployError, match="no results; pass at least one JSON file"):
        pd.report([], "page.html")
