"""A runtime that crashes on a newly converted network ends a child process, and the export with an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posedeploy.convert.check_in_child import check_in_child
from posedeploy.convert.tflite.check import LITERT
from posedeploy.errors import ExportError
from posedeploy.isolation.tasks import ChildFailedError

INPUTS = [[np.zeros((1, 3, 8, 8), np.float32)]]
PREFIX = r"^the converted network cannot be checked: LiteRT "
OTHER = "choose another target, or install another version of ai-edge-litert$"


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("segfault", rf"crashed \(SIGSEGV\) when it loaded or ran it; {OTHER}"),
        ("abort", rf"crashed \(SIGABRT; what\(\):  \ufffdno tensor\) when it loaded or ran it; {OTHER}"),
        (
            "kill",
            r"crashed \(SIGKILL\) .*; the system ended it, probably because memory ran out",
        ),
        ("hang", rf"was stopped \(no end after 3 s\) when it loaded or ran it; {OTHER}"),
    ],
)
def test_a_crash_or_a_hang_is_an_error_of_the_export(tmp_path: Path, task: str, message: str) -> None:
    with pytest.raises(ExportError, match=PREFIX + message):
        check_in_child(
            f"tests.support.harmful_tasks:{task}", {}, tmp_path, INPUTS, LITERT, 3 if task == "hang" else 60
        )


@pytest.mark.parametrize("name", ["load.tflite", "allocate.tflite"])
def test_a_crash_of_litert_ends_only_the_check(data: Path, tmp_path: Path, name: str) -> None:
    path = str(data / "hostile" / name)
    argument = {"path": path, "runs": 1, "inputs": [["data", False]], "outputs": [["sum", False]]}
    message = PREFIX + rf"crashed \(SIG[A-Z]+\) when it loaded or ran it; {OTHER}"
    with pytest.raises(ExportError, match=message):
        check_in_child("posedeploy.convert.tflite.run:run", argument, tmp_path, INPUTS, LITERT)


def test_a_bug_of_the_check_is_raised_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError, match="a bug"):
        check_in_child("tests.support.harmful_tasks:fail", {}, tmp_path, INPUTS, LITERT)
