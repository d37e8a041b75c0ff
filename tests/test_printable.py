from __future__ import annotations

import pytest

from posedeploy.errors import InputError
from posedeploy.printable import MAX_MESSAGE, printable


@pytest.mark.parametrize("text", ["", "ski día 雪.jpg", "שלום", "نمی\u200cشود", "👩\u200d🚀", "a\u00a0b"])
def test_printable_text_is_unchanged(text: str) -> None:
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
def test_control_characters_and_invalid_text_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert str(InputError(f"{text}: no such file")) == f"{shown}: no such file"


def test_a_long_message_keeps_its_start_and_its_hint() -> None:
    message = str(InputError("a.csv: " + "\n" * 90_000 + "; pass a table of boxes"))
    assert message.startswith("a.csv: \\n") and message.endswith("; pass a table of boxes")
    assert "[... 176,030 characters ...]" in message and len(message) < MAX_MESSAGE + 40
    assert str(InputError("x" * MAX_MESSAGE)) == "x" * MAX_MESSAGE
