from __future__ import annotations

import io

import pytest
from rich.table import Table

from posedeploy.console.safe_console import SafeConsole

TEXT = "día 雪 \x1b[31mred\udce9\u202e\nnext"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "día 雪 \\x1b[31mred\\xe9\\u202e\nnext\n"),
        ("latin-1", "día \\u96ea \\x1b[31mred\\xe9\\u202e\nnext\n"),
        ("ascii", "d\\xeda \\u96ea \\x1b[31mred\\xe9\\u202e\nnext\n"),
    ],
)
def test_all_output_is_escaped_for_the_terminal(encoding: str, shown: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict", newline="\n")
    console = SafeConsole(file=file, width=100, color_system=None)
    console.print(TEXT, markup=False, soft_wrap=True)
    file.flush()
    assert file.buffer.getvalue().decode(encoding) == shown  # type: ignore[attr-defined]
    table = Table(title=TEXT)
    table.add_column(TEXT)
    table.add_row(TEXT)
    console.print(table)
    file.flush()
