"""Code is only loaded where it runs: what it was compiled for is held against the machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from posedeploy import native_code
from posedeploy.errors import ArtifactError, DeviceError, ManifestError, MissingPackageError

PACKAGE = Path("net.pt2")


@pytest.fixture
def details() -> dict[str, Any]:
    """What a manifest says of code that was compiled here."""
    return native_code.details("cpu")


def test_what_was_compiled_here_runs_here(details: dict[str, Any]) -> None:
    native_code.check(PACKAGE, json.loads(json.dumps(details)), "cpu")


def test_a_processor_that_has_more_runs_it(details: dict[str, Any]) -> None:
    assert details["features"], "this processor's instruction sets are known"
    native_code.check(PACKAGE, details | {"features": details["features"][:-1]}, "cpu")


@pytest.mark.parametrize(
    ("doctored", "message"),
    [
        ({"torch": "1.0.0"}, r"^net\.pt2: compiled for torch 1\.0\.0, and here it is \d.*--to aoti$"),
        ({"machine": "riscv128"}, r"compiled for machine riscv128, and here it is \w+"),
        (
            {"features": ["sse2", "zz1", "zz2"]},
            r"a processor with zz1, zz2, which this one lacks; make it again",
        ),
        ({"gpu": "sm90"}, r"compiled for gpu sm90, and here it is None"),
    ],
)
def test_code_for_something_else_is_refused(
    details: dict[str, Any], doctored: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArtifactError, match=message):
        native_code.check(PACKAGE, details | doctored, "cpu")


def test_code_for_another_device_is_refused(details: dict[str, Any]) -> None:
    message = r"^`device=cpu`: net\.pt2 was compiled for cuda; make one with .* --to aoti `device=cpu`$"
    with pytest.raises(DeviceError, match=message):
        native_code.check(PACKAGE, details | {"device": "cuda"}, "cpu")


def test_code_that_nothing_is_known_of_is_refused() -> None:
    with pytest.raises(ArtifactError, match="machine code, and no manifest says for what; make it with"):
        native_code.check(PACKAGE, {}, "cpu")


@pytest.mark.parametrize("wrong", [{"device": "cpu"}, {"device": 1, "torch": "", "machine": ""}])
def test_details_that_say_something_else_are_refused(wrong: dict[str, Any]) -> None:
    message = r"^net\.pt2: its manifest's details do not say what the code was compiled for \(.*\); make"
    with pytest.raises(ManifestError, match=message):
        native_code.check(PACKAGE, wrong, "cpu")


def test_an_older_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    with pytest.raises(MissingPackageError, match=r"which torch \d.* does not tell; install a newer one"):
        native_code.needs("cpu")
