"""Retired words stay out of the documentation, the help and the clean folders of the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT
from tests.test_help import LEAVES, help_of

RETIRED = {
    r"\bdeviations?\b": "std",
    r"colour": "color",
    r"centre|millimetre|normalis|recognis": "American spelling",
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
}
"""Regular expressions of retired words, in any case, with what replaces them."""

CLEAN = tuple(
    f"posedeploy/{name}"
    for name in ("cli", "isolation", "meshes", "pickles", "staging", "synthetic", "types")
)
"""The folders of the package without these words; a folder is added when its last one is gone."""


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


@pytest.mark.parametrize("folder", CLEAN)
def test_a_clean_folder_stays_clean(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = {file.name: words for file in files if (words := retired(file.read_text(encoding="utf-8")))}
    assert found == {}


def test_a_retired_word_is_found() -> None:
    assert retired("fine\nThe Flavour is told.") == [
        "line 2: Flavour: use TensorRT library",
        "line 2: told: use reports, shows, names",
    ]
