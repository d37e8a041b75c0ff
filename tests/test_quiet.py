from __future__ import annotations

import os
import warnings

import pytest

from posedeploy.quiet import NATIVE, quiet


def test_nothing_comes_through_and_all_does_again_after(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, b"a native library\n")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_stderr_can_be_left_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet(native=False):
        os.write(2, b"a spinner\n")
        warnings.warn("old", FutureWarning, stacklevel=1)
    assert capfd.readouterr().err == "a spinner\n"


def test_the_environment_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    set_before, not_set = NATIVE
    monkeypatch.setenv(set_before, "1")
    monkeypatch.delenv(not_set, raising=False)
    with pytest.raises(ZeroDivisionError), quiet():
        assert os.environ[set_before] == NATIVE[set_before]
        raise ZeroDivisionError
    assert os.environ[set_before] == "1"
    assert not_set not in os.environ
