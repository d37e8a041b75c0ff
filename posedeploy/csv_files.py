"""Read CSV files with any common delimiter, as editors and spreadsheets save them."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from posedeploy.text_files import invalid_file_error, read_text

_DECIMAL_COMMAS = re.compile(r"\s*-?\d*,?\d+(?:\s*;\s*-?\d*,?\d+)+\s*;?\s*")
_TITLE = re.compile(r"[^\W\d]{2}|^[^\W\d]$")
"""The letters of titles and names; numbers such as 1e-5 do not match."""


@dataclass(frozen=True)
class CsvRow:
    """A row of a CSV file: its line, counted from 1, and its cells without surrounding spaces."""

    line: int
    cells: tuple[str, ...]


def read_csv(path: Path, what: str, *, hint: str = "") -> list[CsvRow]:
    """Return the rows of a CSV file, except empty rows and comments, which begin with ``#``.

    The delimiter is the most frequent of comma, semicolon and tab in the first row; it is a semicolon between
    numbers with decimal commas. Delimiters at the ends of lines are not columns: a last column that is empty
    in every row is dropped, and so are empty cells past the columns of the first row.

    Args:
        what, hint: for messages, as for ``read_json``.

    Raises:
        InputError: it is not a regular file, is too large, is not Unicode, or has an unclosed quotation.
    """
    lines = read_text(path, what).split("\n")
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    delimiter = ";" if _DECIMAL_COMMAS.fullmatch(first) else max(",;\t", key=first.count)
    if first.lower().startswith("sep="):  # Excel's declaration of the delimiter
        delimiter, lines[lines.index(first)] = first[4:5] or ",", ""
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter, strict=True)
    rows, line = [], 1
    try:
        for cells in reader:
            stripped = tuple(cell.strip() for cell in cells)
            if any(stripped) and not stripped[0].startswith("#"):
                rows.append(CsvRow(line, stripped))
            line = reader.line_num + 1
    except csv.Error as error:
        raise invalid_file_error(path, what, f"line {line}: {error}", hint) from error
    return _without_trailing_cells(rows)


def _without_trailing_cells(rows: list[CsvRow]) -> list[CsvRow]:
    if not rows:
        return rows
    first = rows[0].cells
    same_length = [row.cells for row in rows if len(row.cells) == len(first)]
    width = max(
        max((index for index, cell in enumerate(cells, 1) if cell), default=0) for cells in same_length
    )
    has_titles = any(_TITLE.search(cell) for cell in first)
    if not has_titles and len(first) - width > 1:  # several missing numbers, not a delimiter at the end
        width = len(first)
    return [CsvRow(row.line, row.cells[:width]) if not any(row.cells[width:]) else row for row in rows]
