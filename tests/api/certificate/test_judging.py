"""Certificates whose content was changed and signed again, compared with the comparison that they record."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from posedeploy.api.certificate.conclusion import check_conclusion
from posedeploy.api.certificate.document import CertificateDocument
from posedeploy.api.certificate.judging import judge
from posedeploy.api.certificate.verification import Verification
from posedeploy.api.certificate.writing import build_content
from posedeploy.api.compared_files import Comparison
from posedeploy.api.parity_report import ParityReport
from posedeploy.benchmarks.noise_floor import NoiseFloor, OutputNoise
from posedeploy.benchmarks.output_parity import OutputParity, measure_difference
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.sensitivity import MistakeTrial, Sensitivity
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.types import RuntimeInfo

FILE = Path("out/a.onnx")


def result_of(difference: float, floor: NoiseFloor | None = None) -> Parity:
    measured = measure_difference("noise", np.ones((1, 2)), np.full((1, 2), 1 + difference))
    return Parity(
        str(FILE),
        RuntimeInfo("onnxruntime", "1", "CPU", "fp32", 1),
        (OutputParity("heatmaps", (measured,)),),
        None,
        Tolerance(),
        floor=floor,
        sensitivity=Sensitivity((MistakeTrial("decoding", "colors were swapped"),), ("noise",)),
    )


def report_of(*results: Parity) -> ParityReport:
    return ParityReport(results, compared=Comparison({}, ()))


def verify(report: ParityReport, change: Callable[[dict[str, Any]], object]) -> Verification:
    content = copy.deepcopy(build_content(report, Path()))
    content["files"] = [{"role": "artifact", "path": FILE.as_posix(), "name": str(FILE), "files": {}}]
    change(content)
    document = msgspec.convert(content, CertificateDocument)
    findings = tuple(check_conclusion(document, "c.json"))
    verification = Verification(
        certificate=Path("c.json"), document=document, findings=findings, files=1, max_change=10.0
    )
    return judge(verification, report, [FILE])


def test_another_version_may_word_the_verdict_in_another_way() -> None:
    def reword(content: dict[str, Any]) -> None:
        content["verdict"] = "a.onnx passes"
        content["code"]["sha256"] = "0" * 64

    judged = verify(report_of(result_of(0.0)), reword)
    assert judged.passed
    assert any(each.kind == "verdict" and not each.is_failure for each in judged.findings)


def update(*path: str | int, **values: Any) -> Callable[[dict[str, Any]], object]:
    def change(content: dict[str, Any]) -> None:
        part: Any = content
        for key in path:
            part = part[key]
        part.update(values)

    return change


def add_result(content: dict[str, Any]) -> None:
    content["parity"]["results"].append({**content["parity"]["results"][0], "label": "b.onnx"})


def repeat_result(content: dict[str, Any]) -> None:
    content["parity"]["results"].insert(0, copy.deepcopy(content["parity"]["results"][0]))


def remove_result(content: dict[str, Any]) -> None:
    content["parity"]["results"] = []


def test_an_unchanged_certificate_holds() -> None:
    verification = verify(report_of(result_of(1e-6)), lambda content: None)
    assert (verification.failures, verification.changes) == ((), ())


RESULT = ("parity", "results", 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (add_result, "results without a file: b.onnx"),
        (repeat_result, "results without a file: out/a.onnx"),
        (remove_result, "files without a result: out/a.onnx"),
        (update("parity", errors={"b.onnx": "did not run"}), "results without a file: b.onnx"),
        (update(passed=False), "`passed` is False, but True follows"),
        (update("parity", passed=False), "`parity.passed` is False, but True follows"),
        (update(verdict="all is well"), "`verdict` is 'all is well', but 'a.onnx is within tolerance of"),
        (update("files", 0, path="out/b.onnx"), "out/b.onnx: its results in the certificate are named"),
        (
            update(*RESULT, "sensitivity", proves_nothing=False),
            "the remark on the inputs is",
        ),
        (update(*RESULT, "tolerance", px=100), "the limit `tolerance px` is 0.1 now, but 100 in"),
        (update(*RESULT, budget={"px": 5.0}), "the limit `budget px` is None now, but 5.0 in"),
        (update(*RESULT, "outputs", 0, max_relative_tolerance=100), "max_relative_tolerance` is 0.0001 now"),
        (update(*RESULT, model_sha256={"a.onnx": "0" * 64}), "is of another file a.onnx"),
        (update(*RESULT, reference={"checkpoint_sha256": "0" * 64}), "the checkpoint changed"),
    ],
)
def test_a_changed_certificate_does_not_hold(
    change: Callable[[dict[str, Any]], object], message: str
) -> None:
    failures = verify(report_of(result_of(1e-6)), change).failures
    assert any(message in failure for failure in failures), failures


def floor_of(noise: float) -> NoiseFloor:
    return NoiseFloor("cpu", "fp32", {"heatmaps": OutputNoise(noise, noise, noise)}, 1, 1)


@pytest.mark.parametrize(
    ("recorded", "arguments", "is_failure"),
    [(1e-3, {}, False), (1e-3, {"rtol": 1e-4}, True), (1.0, {}, True)],
)
def test_only_the_noise_floor_may_change_a_limit_and_not_by_much(
    recorded: float, arguments: Mapping[str, Any], is_failure: bool
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["arguments"] = arguments
        content["parity"]["results"][0]["outputs"][0]["max_relative_tolerance"] = recorded

    verification = verify(report_of(result_of(1e-6, floor_of(2e-4))), change)
    (finding,) = (each for each in verification.findings if each.kind == "limit")
    assert finding.is_failure == is_failure
    assert verification.passed != is_failure
