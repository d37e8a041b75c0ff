from __future__ import annotations

import pytest

from posedeploy.errors import InputError
from posedeploy.printable import printable


@pytest.mark.parametrize("text", ["", "ski día 雪.jpg", "שלום", "نمی\u200cشود", "👩\u200d🚀", "a\u00a0b"])
def test_what_can_be_shown_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\udce9.png", r"caf\xe9.png"),
        ("a\nb\r\t", r"a\nb\r\t"),
        ("\x1b[31mred\x9b\x7f", r"\x1b[31mred\x9b\x7f"),
        ("\u202egnp.exe\u2028", r"\u202egnp.exe\u2028"),
        ("\ud800\U000e0001", r"\ud800\U000e0001"),
    ],
)
def test_what_steers_a_terminal_or_cannot_be_encoded_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert str(InputError(f"{text}: no such file")) == f"{shown}: no such file"
