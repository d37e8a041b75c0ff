"""Retired words do not occur in the documentation, the help, the package and the tools."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT
from tests.test_help import LEAVES, help_of

RETIRED = {
    r"\bdeviations?\b": "std",
    r"colour": "color",
    r"\bcentre|millimetre|normalis|recognis": "American spelling",
    r"flavour|--flavor": "TensorRT library",
    r"passport": "build info",
    r"--via\b": "--converter",
    r"--max-relative": "--rtol",
    r"--(min|opt|max)[ =]": "--min-shapes, --opt-shapes, --max-shapes",
    r"made by others": "third-party",
    r"in silence|silently": "reported, logged, ignored",
    r"\bgoes to (a target|openvino|onnx|tflite)": "exports to",
    r"drawn (people|figures|images|skeletons)": "synthetic",
    r"tool ?chain": "isolated environment",
    r"\bf(32|16)\b": "fp32, fp16",
    r"\b(told|tells|said|says)\b": "reports, shows, names",
    r"last[_ ]bits": "rounding ties",
    r"wants? to be|at its word|of which nothing is run": "plain words",
    r"the usual (target|route|one)": "the default",
    r"\beffective\b": "runtime info",
    r"speed[-_]up": "speedup",
}
"""Regular expressions of retired words, in any case, with what replaces them."""

NAMES = {
    **dict.fromkeys(("Bounds", "bounds_of"), "Tolerance"),
    **dict.fromkeys(("Draws", "draws"), "Rng, rng"),
    **dict.fromkeys(("Effective", "effective"), "RuntimeInfo, runtime_info"),
    **dict.fromkeys(("Finder", "Where"), "PersonSource"),
    **dict.fromkeys(("asked", "found", "given", "here", "made", "said", "there", "told"), "a noun"),
    **dict.fromkeys(("beside", "companions"), "sidecars"),
    **dict.fromkeys(("colour", "colour_order"), "color, color_order"),
    **dict.fromkeys(("deviation", "deviations"), "std"),
    **dict.fromkeys(("drawn_images", "drawn_people"), "synthetic_images, synthetic_people"),
    **dict.fromkeys(("fitted", "settled"), "resolve_spec"),
    "BEYOND": "RUNS_PAST_PERCENTILE",
    "Boundary": "ErrorHandlingGroup",
    "Described": "ModelArgs",
    "FEW": "MIN_RUNS",
    "Flavour": "TensorRtLibrary",
    "Inside": "EmbeddedManifest",
    "Needs": "Requirements",
    "Passport": "BuildInfo",
    "ROUNDINGS": "FLOAT64_FACTOR",
    "WIDE": "MAX_RELATIVE_SPREAD",
    "last_bits": "rounding_ties",
    "settle": "configure",
    "usual": "default",
}
"""Retired identifiers, with what replaces them."""

CLEAN = ("posedeploy", "tools")
"""The folders of code without these words and identifiers."""

ALLOWED = {
    "posedeploy/argument_types.py": {"found"},  # of errors
    "posedeploy/api/bench_document.py": {"found"},  # of errors
    "posedeploy/api/earlier_report.py": {"found"},  # of errors
    "posedeploy/api/tune_document.py": {"found"},  # of errors
    "posedeploy/api/result_files.py": {"found"},  # of errors
    "posedeploy/benchmarks/reference_writing.py": {"F16", "F32"},  # safetensors' names
    "posedeploy/errors.py": {"found"},  # a field of every error
    "posedeploy/bundles/ovms.py": {"f32"},  # OpenVINO's name
    "posedeploy/runtimes/openvino_precision.py": {"f16", "f32"},  # OpenVINO's names
    "posedeploy/convert/nncf_quantize.py": {"f32"},  # the same
    "tools/bench_peers.py": {"f32"},  # the same
}
"""Words and identifiers that a file may use."""


def retired(text: str) -> list[str]:
    """Return each retired word with its line and its replacement."""
    return [
        f"line {number}: {match[0]}: use {word}"
        for number, line in enumerate(text.splitlines(), 1)
        for pattern, word in RETIRED.items()
        for match in re.finditer(pattern, line, re.IGNORECASE)
    ]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_documentation_has_no_retired_word(page: Path) -> None:
    assert retired((ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_the_help_has_no_retired_word(path: tuple[str, ...]) -> None:
    assert retired(help_of(path)) == []


def retired_names(code: str) -> list[str]:
    """Return each retired identifier with its line and its replacement."""
    return [
        f"line {token.start[0]}: {token.string}: use {NAMES[token.string]}"
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
        if token.type == tokenize.NAME and token.string in NAMES
    ]


FILES = [file.relative_to(ROOT).as_posix() for folder in CLEAN for file in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_source_file_has_no_retired_word(name: str) -> None:
    code = (ROOT / name).read_text(encoding="utf-8")
    allowed = ALLOWED.get(name, set())
    uses = [*retired(code), *retired_names(code)]
    assert [use for use in uses if use.split(": ")[1] not in allowed] == []


TEMPLATES = sorted((ROOT / "posedeploy/pages/templates").iterdir())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_page_template_has_no_retired_word(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    expressions = "\n".join(re.findall(r"\{[{%](.*?)[}%]\}", text))
    assert retired(text) == [] and retired_names(f"({expressions})") == []


def test_a_retired_identifier_is_found() -> None:
    assert retired_names("settle = 1\nresettle = Effective") == [
        "line 1: settle: use configure",
        "line 2: Effective: use RuntimeInfo, runtime_info",
    ]


def test_a_retired_word_is_found() -> None:
    assert retired("fine\nThe Flavour is told.") == [
        "line 2: Flavour: use TensorRT library",
        "line 2: told: use reports, shows, names",
    ]
