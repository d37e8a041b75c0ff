"""The arguments of a certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.api.certificate.recorded import describe_arguments
from posedeploy.api.compared_files import Comparison


@pytest.mark.parametrize(
    ("argument", "value", "recorded"),
    [
        ("network", "./net.py:build", "../net.py:build"),
        ("network", "sub/../net.py:build", "../net.py:build"),
        ("network", "net.py:build", "../net.py:build"),
        ("contract", "./c.toml", "../c.toml"),
        ("contract", "rtmpose", "rtmpose"),
    ],
)
def test_paths_are_recorded_relative_to_the_certificate(
    argument: str, value: str, recorded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("sub", "out"):
        Path(name).mkdir()
    for name in ("net.py", "c.toml"):
        Path(name).write_text("")
    assert describe_arguments(Comparison({argument: value}, ()), Path("out")) == {argument: recorded}
