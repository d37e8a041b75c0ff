"""Code is only loaded where it runs: what it was compiled for is held against the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from posedeploy import native_code
from posedeploy.errors import ArtifactError, DeviceError

PACKAGE = Path("net.pt2")


def test_what_was_compiled_here_runs_here() -> None:
    native_code.check(PACKAGE, native_code.needs("CPU"), "CPU")


def test_a_processor_that_has_more_runs_it() -> None:
    needs = native_code.needs("CPU")
    assert needs["features"], "this processor's instruction sets are known"
    native_code.check(PACKAGE, needs | {"features": needs["features"][:-1]}, "CPU")


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
def test_code_for_something_else_is_refused(doctored: dict[str, Any], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        native_code.check(PACKAGE, native_code.needs("CPU") | doctored, "CPU")


def test_code_for_another_device_is_refused() -> None:
    message = r"^device CPU: net\.pt2 was compiled for cuda; make one with .* --to aoti --device CPU$"
    with pytest.raises(DeviceError, match=message):
        native_code.check(PACKAGE, native_code.needs("CPU") | {"device": "cuda"}, "CPU")


def test_code_that_nothing_is_known_of_is_refused() -> None:
    with pytest.raises(ArtifactError, match="machine code, and no manifest says for what; make it with"):
        native_code.check(PACKAGE, {}, "CPU")
