from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.csv_files import CsvRow, read_csv
from posedeploy.errors import InputError


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [("a,b\n1,2", ","), ("a;b\n1,5;2", ";"), ("a\tb\n1\t2", "\t"), ("sep=|\na|b\n1|2", "|")],
)
def test_the_delimiter_is_detected(text: str, delimiter: str, tmp_path: Path) -> None:
    rows = read_csv(_write(tmp_path / "a.csv", text), "a test")
    last = text.split("\n")[-1]
    assert rows[-1] == CsvRow(text.count("\n") + 1, tuple(last.split(delimiter)))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("x,y,\n1,2,\n3,4,", ["x,y", "1,2", "3,4"]),
        ("x,y\n1,2,\n3,4,", ["x,y", "1,2", "3,4"]),
        ("x,y,,,\n1,2,,,\n3,4", ["x,y", "1,2", "3,4"]),
        ("1,2,\n3,4,\n5,6", ["1,2", "3,4", "5,6"]),
        ("1e-5,2\n3,4,", ["1e-5,2", "3,4"]),
        ("1,5;2;\n3;4;", ["1,5;2", "3;4"]),
        ("x,score,\n1,,\n2,,", ["x,score", "1,", "2,"]),
        ("x,y,\n1,2,\n3,4,9", ["x,y,", "1,2,", "3,4,9"]),
        ("1,2,,\n3,4,,", ["1,2,,", "3,4,,"]),
    ],
)
def test_delimiters_at_line_ends_are_not_columns(text: str, rows: list[str], tmp_path: Path) -> None:
    result = read_csv(_write(tmp_path / "a.csv", text), "a test")
    assert [list(row.cells) for row in result] == [row.split(";" if ";" in text else ",") for row in rows]


def test_cells_may_be_quoted_and_rows_empty(tmp_path: Path) -> None:
    text = '# boxes\nname,x\n"a, ""b""\nc", 1 \n,\n\nd,2\n'
    assert read_csv(_write(tmp_path / "a.csv", text), "a test") == [
        CsvRow(2, ("name", "x")),
        CsvRow(3, ('a, "b"\nc', "1")),
        CsvRow(7, ("d", "2")),
    ]


def test_an_unclosed_quotation_is_refused_with_its_line(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", 'a,b\n1,"2\n3,4\n')
    with pytest.raises(InputError, match=r"a\.csv: not boxes: line 2: unexpected end of data; write b"):
        read_csv(path, "boxes", hint="write boxes")
