"""``report``: one HTML page of several results."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import posedeploy as pd
from posedeploy.types import Artifact
from tests.commands.conftest import Invoke
from tests.support.result_documents import (
    MACHINE,
    ROWS,
    Edit,
    bench_document,
    candidate,
    edited,
    parity_document,
    parity_row,
    timed,
    write_document,
)

pytest.importorskip("jinja2")


class Page(HTMLParser):
    """The text of a page, and the values of its attributes by name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.values = "", dict[str, list[str]]()
        self.tags: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.values.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def test_a_page_joins_latency_and_parity(bench: Path, parity: Path, done: Invoke) -> None:
    result = done("report", bench, parity, "-o", "día 1/page.html")
    assert result.stderr.splitlines() == ["wrote día 1/page.html"]
    page = Page(Path("día 1/page.html"))
    assert "Speedup" in page.text and "Unmatched keypoints" in page.text
    assert "4.00\N{MULTIPLICATION SIGN} 4.00 \N{EN DASH} 4.00" in page.text and "1.9" in page.text
    assert "Lower is better on both axes." in page.text and "1.48%" in page.text
    assert "human.xml ★" in page.text and "too far" in page.text
    assert "faster" in page.text and "Example CPU" in page.text
    assert "Warnings" not in page.text
    assert page.tags.count("svg") == 6, "three charts, each for wide and narrow screens"


def test_a_page_loads_nothing(bench: Path, parity: Path) -> None:
    page = Page(pd.report([bench, parity], "page.html"))
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    assert not {"src", "href", "onclick", "style"} & page.values.keys()
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page.values["content"]
    assert "url(" not in page.source and "@import" not in page.source
    assert len(page.source) < 200_000


@pytest.mark.slow
def test_reports_of_the_library_are_joined(artifact: Artifact, photo_file: Path) -> None:
    latency = pd.benchmark(artifact, runs=2, threads=1)
    compared = pd.compare(artifact, images=photo_file, threads=1)
    page = Page(pd.report([latency, compared], "page.html"))
    assert "hg.torchscript" in page.text and "passed" in page.text
    assert "error is unknown" not in page.text


def test_a_search_is_shown_with_its_plot_and_all_candidates(search: Path, done: Invoke) -> None:
    done("report", search, "-o", "page.html")
    page = Page(Path("page.html"))
    text = page.text.replace("\N{MULTIPLICATION SIGN}", "x").replace("\N{EN DASH}", "-")
    assert "The best latency within 1 px, on 16 inputs. Export the winner with posedeploy export" in text
    assert "openvino bf16 ★ 40% 20.0 4.00x 16.5 MB winner" in text
    assert "openvino int8 ★ 180% 10.0 8.00x 16.5 MB over budget" in text
    assert "openvino fp32 - 40.0 2.00x 16.5 MB over budget" in text
    assert "onnx fp16 precision=fp16 : no 10% 50.0 1.60x 16.5 MB failed" in text
    assert "Not tried, because the time limit was reached: onnx <b>fp32</b>." in text
    table = text[text.index("Candidate Error") :]
    labels = ("openvino int8", "openvino bf16", "openvino fp32", "onnx fp16")  # by time, then the failed one
    assert sorted(labels, key=table.index) == list(labels)
    assert page.source.count("<svg") == 1 and "<b>" not in page.source


def test_a_candidate_that_failed_parity_is_shown_with_its_reason(search: Path) -> None:
    edited(search, lambda document: document["results"].insert(0, candidate("tflite int8", 0.5, 5.0)))
    edited(search, lambda document: document.update(failed_parity={"tflite int8": "too far"}))
    page = Page(pd.report(search, "page.html"))
    assert "tflite int8 too far 50% 5.00" in page.text, "no star"
    assert page.text[page.text.index("tflite int8 too far") :].index("failed parity") < 80
    assert "within budget" not in page.text.replace("within budget (the line", "")


def test_a_page_has_the_reason_why_there_is_no_winner(search: Path) -> None:
    reason = "openvino bf16 was not compared with PyTorch within the time limit; run it again"
    fields = {"winner": None, "not_compared": "openvino bf16", "no_winner_reason": reason}
    edited(search, lambda document: document.update(fields))
    text = Page(pd.report(search, "page.html")).text
    assert f"There is no winner: {reason} ." in text or f"There is no winner: {reason}." in text
    assert "16.5 MB not compared" in text and "No candidate was found" not in text
    edited(search, lambda document: document.pop("no_winner_reason"))  # of an earlier version
    assert "There is no winner ." in Page(pd.report(search, "page.html")).text.replace("winner.", "winner .")


def test_a_search_is_joined_with_other_results(bench: Path, parity: Path, search: Path) -> None:
    page = Page(pd.report([bench, parity, search], "page.html"))
    assert "Latency and parity" in page.text and "Search: human.pth on cpu" in page.text


@pytest.mark.parametrize("name", ["bench", "parity"])
def test_one_result_is_enough(name: str, request: pytest.FixtureRequest) -> None:
    page = Page(pd.report(request.getfixturevalue(name), "page.html"))
    assert "human.xml" in page.text
    assert ("No errors are known" in page.text) == (name == "bench")


def test_renamed_files_are_joined_by_their_hashes(bench: Path, parity: Path) -> None:
    edited(parity, lambda document: document["results"][1].update(label="else/where.xml"))
    assert "error is unknown" not in Page(pd.report([bench, parity], "page.html")).text


def test_names_are_text(bench: Path, parity: Path) -> None:
    name = "<script>alert(1)</script>\"'&.xml"
    edited(bench, lambda document: document["results"][1].update(label=name))
    edited(parity, lambda document: document["results"][1].update(label=name, failures=[f"`{name}` differs"]))
    page = Page(pd.report([bench, parity], "page.html"))
    assert "script" not in page.tags and page.text.count("alert(1)") >= 4
    assert "<script" not in page.source


def _other_machine(document: dict[str, Any]) -> None:
    document["machine"]["cpu"] = "Other CPU"


def _no_hashes(document: dict[str, Any]) -> None:
    for row in document["results"]:
        del row["model_sha256"]


def _other_precision(document: dict[str, Any]) -> None:
    document["results"][1]["runtime_info"]["precision"] = "bf16"


def _one_row(document: dict[str, Any]) -> None:
    del document["results"][1]


@pytest.mark.parametrize(
    ("edit", "warning"),
    [
        (
            _other_machine,
            "the results come from 2 machines, and times of different machines cannot be compared",
        ),
        (
            _other_machine,
            "human.xml: its times and its error come from different machines: Example CPU and Other",
        ),
        (_no_hashes, "no timed model was compared with PyTorch in these files"),
        (_one_row, "int8.xml: its error is unknown; add it to `posedeploy parity`"),
        (
            _other_precision,
            "int8.xml: its error is unknown: it was timed on openvino (CPU, int8), but compared",
        ),
    ],
)
def test_what_cannot_be_joined_is_reported(
    bench: Path, parity: Path, done: Invoke, edit: Edit, warning: str
) -> None:
    result = done("report", bench, edited(parity, edit))
    assert f"warning: {warning}" in result.stderr
    assert warning.replace("`", "")[:60] in Page(Path("report.html")).text


def test_results_of_two_machines_have_sections_of_their_own(bench: Path) -> None:
    other = bench_document(ROWS, machine=replace(MACHINE, cpu="Other CPU"))
    page = Page(pd.report([bench, write_document(Path("other.json"), other)], "page.html"))
    assert page.text.count("Times of the network") == 2


def test_results_of_two_gpus_have_sections_of_their_own(bench: Path) -> None:
    names = ("NVIDIA H100", "NVIDIA H200")
    machines = [replace(MACHINE, gpu=name) for name in names]
    paths = [
        write_document(Path(f"{each.gpu}.json"), bench_document(ROWS, machine=each)) for each in machines
    ]
    assert Page(pd.report([bench, paths[0]], "a.html")).text.count("Times of the network") == 1
    page = Page(pd.report(paths, "b.html"))
    assert page.text.count("Times of the network") == 2
    assert all(f"cores, {name}: {name}.json" in page.text for name in names)


def test_two_measurements_of_one_machine_are_joined_with_a_warning(bench: Path, done: Invoke) -> None:
    again = write_document(Path("again.json"), bench_document((ROWS[0], timed("human.onnx", 64))))
    assert "come from different measurements" in done("report", bench, again).stderr
    assert Page(Path("report.html")).text.count("Times of the network") == 1


def test_the_same_content_twice_is_shown_once(bench: Path, done: Invoke) -> None:
    Path("copy.json").write_bytes(bench.read_bytes())
    result = done("report", bench, "copy.json")
    assert "copy.json: left out, because it has the same content as bench.json" in result.stderr


def test_unreliable_times_are_reported(done: Invoke) -> None:
    row = replace(timed("human.xml", 60), times_s=(0.05, 0.06, 0.07, 0.09) * 10)
    write_document(Path("bench.json"), bench_document((ROWS[0], row)))
    assert "bench.json: the times of 1 of 2 models are unreliable" in done("report", "bench.json").stderr


def test_a_comparison_with_another_artifact_is_no_error_from_pytorch(
    bench: Path, parity: Path, done: Invoke
) -> None:
    against = {"path": "other.onnx", "model_sha256": {}}
    rows = [parity_row("human.xml", 43.7, against=against)]
    write_document(Path("against.json"), parity_document(rows))
    result = done("report", bench, parity, "against.json")
    assert "artifacts were compared with other artifacts (out/human.xml with other.onnx)" in result.stderr
    assert "the chart shows the latter" not in result.stderr
    page = Page(Path("report.html"))
    charts, _, cards = page.text.partition("compared with other.onnx")
    assert "43.7" not in charts and "43.7" in cards
    assert "No errors are known" in Page(pd.report([bench, "against.json"], "page.html")).text


def test_measurements_of_one_file_are_named_after_their_reports() -> None:
    names = [f"{folder}/bench.json" for folder in ("before", "after")]
    for name, milliseconds in zip(names, (60, 64), strict=True):
        Path(name).parent.mkdir()
        write_document(Path(name), bench_document((ROWS[0], timed("human.xml", milliseconds))))
    page = Page(pd.report(names, "page.html"))
    assert all(f"human.xml ({name})" in page.text for name in names)
    assert page.text.count("Times of the network") == 1


def test_a_common_prefix_is_omitted_if_each_name_keeps_some_of_it() -> None:
    labels = ("human-pose.xml", "human-pose.xml.onnx")
    write_document(Path("a.json"), bench_document((ROWS[0], *(timed(label, 60) for label in labels))))
    write_document(
        Path("b.json"), bench_document((ROWS[0], timed("person-a.xml", 60), timed("person-b.xml", 70)))
    )
    first, second = (Page(pd.report(name, f"{name}.html")) for name in ("a.json", "b.json"))
    assert "\N{HORIZONTAL ELLIPSIS}" not in first.text
    assert "\N{HORIZONTAL ELLIPSIS}a.xml" in second.text


def test_models_without_pytorch_are_grouped_by_model_with_their_earlier_files() -> None:
    rows = (timed("a.xml", 60), timed("a.xml (earlier)", 50), timed("b.xml", 40))
    page = Page(pd.report(write_document(Path("bench.json"), bench_document(rows)), "page.html"))
    titles = [f"{name}.xml, single-stream, 1 image in a run, input 1x3x256x456" for name in "ab"]
    assert all(title in page.text for title in titles)
    assert page.text.count("Times of the network") == 2
    document = bench_document((ROWS[0], *rows[:2]))
    del document["results"][2]["baseline"]  # as `bench --compare` writes the row of the earlier file
    page = Page(pd.report(write_document(Path("bench.json"), document), "page.html"))
    assert page.text.count("Times of the network") == 1


@pytest.mark.parametrize("error", [1e308, 5e-324])
def test_errors_of_any_size_are_drawn(error: float, bench: Path, parity: Path) -> None:
    write_document(parity, parity_document([parity_row("human.xml", error)]))
    page = Page(pd.report([bench, parity], "page.html"))
    assert page.tags.count("svg") == 6


def test_the_name_of_a_checkpoint_may_contain_parentheses(search: Path) -> None:
    edited(search, lambda document: document["settings"].update(checkpoint="human (1).pth (SHA-256 0)"))
    assert "Search: human (1).pth on cpu" in Page(pd.report(search, "page.html")).text


def test_missing_numbers_are_dashes(parity: Path) -> None:
    rows = [parity_row("human.xml", None), parity_row("int8.xml", None, paired=None, outputs=[])]
    write_document(parity, parity_document(rows, errors={"x.engine": "no GPU"}))
    page = Page(pd.report(parity, "page.html"))
    assert "nan" not in page.text.lower() and "None" not in page.text
    assert "x.engine did not run no GPU" in page.text
