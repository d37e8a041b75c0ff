"""The files that an earlier report names: which are loaded, and why others are not."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from posedeploy.api.earlier_report import EarlierReport
from posedeploy.benchmarks.machine_info import describe_machine


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("one.torchscript", b"old", "torchscript files can contain code"),
        ("one.pt2", b"old", "aoti files can contain code"),
        ("one.engine", b"old", "tensorrt files can contain code"),
        ("one.onnx", b"changed", "one.onnx"),
    ],
)
def test_an_earlier_file_that_is_not_used_is_logged_with_the_reason(
    name: str, content: bytes, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    info = SimpleNamespace(version="1.0")
    hashes = {name: hashlib.sha256(b"old").hexdigest()}
    row = cast(Any, SimpleNamespace(label=name, path=str(path), model_sha256=hashes, runtime_info=info))
    new = SimpleNamespace(
        label=name, path=str(tmp_path / "new"), model_sha256={}, runner=SimpleNamespace(runtime_info=info)
    )
    report = EarlierReport(tmp_path / "old.json", describe_machine(), {name: row})
    with caplog.at_level(logging.INFO, "posedeploy"):
        assert list(report.find_models([cast(Any, new)])) == []
    (message,) = caplog.messages
    assert message.startswith(f"{name}: the earlier file {path} is not timed again: ")
    assert reason in message
