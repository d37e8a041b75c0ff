"""Text files that people write: JSON, TOML, CSV and plain lines, as every editor and tool saves them.

UTF-8, UTF-16 and UTF-32 are read, with a byte order mark or without one, with any line ends. JSON and TOML
may have trailing commas, JSON also ``NaN`` and ``Infinity``, as Python writes them, where a
reader takes them. What cannot be read is
refused with its line and column.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec

from posedeploy.content_kinds import HEAD_BYTES, kind_of
from posedeploy.errors import InputError
from posedeploy.input_files import read_bytes
from posedeploy.limits import (
    JSON_BYTES_PER_CONTAINER,
    MAX_DEPTH,
    MAX_JSON_CONTAINERS,
    MAX_TEXT_BYTES,
    MAX_TOML_BYTES,
)
from posedeploy.printable import printable

T = TypeVar("T")


# Strings are passed over whole, ended or not, so that each character is looked at once.
_JSON_TOKENS = re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"?|[\[\]{},]')
_TOML_TOKENS = re.compile(
    r'"""[^"\\]*(?:(?:\\.|"{1,2}(?!"))[^"\\]*)*(?:"{3,5})?'
    r"|'''[^']*(?:'{1,2}(?!')[^']*)*(?:'{3,5})?"
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"?'
    r"|'[^'\n]*'?"
    r"|\#[^\n]*|[\[\]{},]",
    re.DOTALL,
)
_TOML_LONG_KEY = re.compile(rf"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{MAX_DEPTH}}}""")
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_DECIMAL_COMMAS = re.compile(r"\s*-?\d*,?\d+(?:\s*;\s*-?\d*,?\d+)+\s*;?\s*")
_TITLE = re.compile(r"[^\W\d]{2}|^[^\W\d]$")
"""What titles and names have, and numbers such as 1e-5 do not."""
_BLANK = re.compile(r"\s*")
_TOML_BLANK = re.compile(r"(?:\s|\#[^\n]*)*")
_REST_OF_LINE = re.compile(r"[^\S\n]*(?:\#[^\n]*)?(?:\n|\Z)")


@dataclass(frozen=True)
class CsvRow:
    """A row of a CSV file: its line, counted from 1, and its cells without the space around them."""

    line: int
    cells: tuple[str, ...]


def read_text(path: Path, what: str, *, max_bytes: int = MAX_TEXT_BYTES, replace: bool = False) -> str:
    r"""Return the text of a file, its lines ended by ``\n``.

    Args:
        what: a noun phrase for the messages, such as "a CSV file of boxes".
        replace: put U+FFFD for what is not Unicode, in place of refusing the file.

    Raises:
        InputError: it is not a regular file, is too large, or is not Unicode.
    """
    return decode(read_bytes(path, what, max_bytes), path, what, replace=replace)


def decode(content: bytes, path: Path, what: str, *, replace: bool = False) -> str:
    """Return the text that the bytes of a file are; see ``read_text``.

    Raises:
        InputError: they are not Unicode.
    """
    encoding = json.detect_encoding(content)
    try:
        text = content.decode(encoding, "replace" if replace else "strict")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, "replace")
        name = encoding.removesuffix("-sig").upper()
        raise InputError(
            f"{path}: not {what}: {_place(before)}: the byte 0x{content[error.start]:02x} is not {name}; "
            "save the file as UTF-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


@overload
def read_json(
    path: Path, what: str, type: type[T], *, hint: str = ..., max_bytes: int = ..., nan: bool = ...
) -> T: ...
@overload
def read_json(
    path: Path, what: str, type: Any = ..., *, hint: str = ..., max_bytes: int = ..., nan: bool = ...
) -> Any: ...
def read_json(
    path: Path, what: str, type: Any = Any, *, hint: str = "", max_bytes: int = MAX_TEXT_BYTES,
    nan: bool = False,
) -> Any:  # fmt: skip
    """Return what a JSON file holds, as msgspec makes it the ``type``.

    Args:
        what: a noun phrase for the messages, such as "a JSON file of boxes".
        hint: how to mend the file, for the end of a message.
        nan: take NaN and Infinity for numbers, in place of refusing the file.

    Raises:
        InputError: it is not a regular file, is too large or nested too deep, is not JSON, or does not fit
            the type.
    """
    return parse_json(read_bytes(path, what, max_bytes), path, what, type, hint=hint, nan=nan)


def parse_json(
    content: bytes, path: Path, what: str, type: Any = Any, *, hint: str = "", nan: bool = False
) -> Any:
    """Return what the bytes of a JSON file hold; see ``read_json``.

    Raises:
        InputError: they are not JSON, are nested too deep, or do not fit the type.
    """
    if json.detect_encoding(content) != "utf-8":
        content = decode(content, path, what).encode(errors="surrogatepass")
    _check_containers(content, path, what)
    try:
        return msgspec.json.decode(content, type=type)
    except msgspec.ValidationError as error:
        raise _refusal(path, what, str(error), hint) from error
    except (msgspec.DecodeError, RecursionError, ValueError):
        # A trailing comma or NaN, which the other parser takes, or a fault, whose place it gives.
        text = decode(content, path, what)
    _check_depth(text, _JSON_TOKENS, path, what, hint)

    def parse() -> Any:
        return json.loads(_without_trailing_commas(text), parse_constant=float if nan else _refuse_constant)

    return _parsed(parse, text, path, what, type, hint)


@overload
def read_toml(path: Path, what: str, type: type[T], *, hint: str = ...) -> T: ...
@overload
def read_toml(path: Path, what: str, type: Any = ..., *, hint: str = ...) -> Any: ...
def read_toml(path: Path, what: str, type: Any = Any, *, hint: str = "") -> Any:
    """Return what a TOML file holds, as msgspec makes it the ``type``; arguments as of ``read_json``.

    Raises:
        InputError: it is not a regular file, is too large or nested too deep, is not TOML, or does not fit
            the type.
    """
    text = decode(read_bytes(path, what, MAX_TOML_BYTES), path, what)
    _check_depth(text, _TOML_TOKENS, path, what, hint)
    if key := _TOML_LONG_KEY.search(text):
        reason = (
            f"{_place(text[: key.start()])}: a key of more than {MAX_DEPTH} parts, and {MAX_DEPTH} may be"
        )
        raise _refusal(path, what, reason, hint)
    return _parsed(lambda: _toml(text), text, path, what, type, hint)


def read_csv(path: Path, what: str, *, hint: str = "") -> list[CsvRow]:
    """Return the rows of a CSV file, without those that are empty or begin with ``#``.

    Delimiters at the ends of lines make no column: a last column that is empty in every row is left out, and
    so are empty cells beyond those of the first row. The delimiter is whichever of comma, semicolon and tab
    the first row has most of, and a semicolon between numbers with decimal commas.

    Raises:
        InputError: it is not a regular file, is too large, is not Unicode, or has an unended quotation.
    """
    lines = read_text(path, what).split("\n")
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    delimiter = ";" if _DECIMAL_COMMAS.fullmatch(first) else max(",;\t", key=first.count)
    if first.lower().startswith("sep="):  # how Excel is told the delimiter
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
        raise _refusal(path, what, f"line {line}: {error}", hint) from error
    return _without_trailing_cells(rows)


def _without_trailing_cells(rows: list[CsvRow]) -> list[CsvRow]:
    if not rows:
        return rows
    first = rows[0].cells
    alike = [row.cells for row in rows if len(row.cells) == len(first)]
    width = max(max((place for place, cell in enumerate(cells, 1) if cell), default=0) for cells in alike)
    is_titled = any(_TITLE.search(cell) for cell in first)
    if not is_titled and len(first) - width > 1:  # several missing numbers, and no delimiter at the end
        width = len(first)
    return [CsvRow(row.line, row.cells[:width]) if not any(row.cells[width:]) else row for row in rows]


def _parsed(parse: Callable[[], Any], text: str, path: Path, what: str, type: Any, hint: str) -> Any:
    try:
        return convert(parse(), type)
    except msgspec.ValidationError as error:
        raise _refusal(path, what, str(error), hint) from error
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {_cause(error.msg, text)}"
        raise _refusal(path, what, reason, hint) from error
    except tomllib.TOMLDecodeError as error:
        raise _refusal(path, what, _toml_reason(str(error), text), hint) from error
    except (ValueError, RecursionError) as error:  # such as a number of thousands of digits
        raise _refusal(path, what, str(error), hint) from error


def convert(value: Any, type: type[T]) -> T:
    """Return what was read from JSON or TOML as msgspec makes it the ``type``.

    Raises:
        msgspec.ValidationError: it does not fit the type, or a text in it cannot be encoded, which msgspec
            itself reports by another error.
    """
    try:
        return msgspec.convert(value, type)
    except UnicodeEncodeError as error:
        raise msgspec.ValidationError(f"a text that is not Unicode ({error.reason})") from error


def _check_containers(content: bytes, path: Path, what: str) -> None:
    """Refuse many small lists and objects, which take up to 60 times their bytes in memory."""
    count = content.count(b"[") + content.count(b"{")
    allowed = MAX_JSON_CONTAINERS + len(content) // JSON_BYTES_PER_CONTAINER
    if count > allowed:
        raise InputError(f"{path}: {count:,} lists and objects, and {what} of this size may have {allowed:,}")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"it holds {name}, and numbers must be finite")


def _refusal(path: Path, what: str, reason: str, hint: str) -> InputError:
    return InputError(f"{path}: not {what}: {reason}" + (f"; {hint}" if hint else ""))


def _cause(message: str, text: str) -> str:
    """Why a text is not JSON or TOML, by what it begins with."""
    if not text.strip():
        return "the file is empty"
    kind = kind_of(io.BytesIO(text.lstrip()[:HEAD_BYTES].encode(errors="replace")))
    return f"{kind.what}; {kind.remedy}" if kind.name in ("html", "xml", "lfs") else message


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        without = _without_trailing_commas(text, toml=True)
        if without == text:
            raise
        return tomllib.loads(without)


def _toml_reason(message: str, text: str) -> str:
    """The error of tomllib with the place in front, where all other messages have it."""
    found = _TOML_PLACE.search(message)
    if found is None:
        return _cause(message, text)
    place = f"line {found[1]}, column {found[2]}" if found[1] else _place(text)
    return f"{place}: {_cause(message[: found.start()], text)}"


def _place(before: str) -> str:
    """The line and column, counted from 1, of what comes after this text."""
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _check_depth(text: str, tokens: re.Pattern[str], path: Path, what: str, hint: str) -> None:
    depth = deepest = 0
    for token in tokens.finditer(text):
        depth += _step(token[0])
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        reason = f"lists and objects are nested {deepest} deep, and {MAX_DEPTH} may be"
        raise _refusal(path, what, reason, hint)


def _step(token: str) -> int:
    return (token in ("[", "{")) - (token in ("]", "}"))


def _without_trailing_commas(text: str, *, toml: bool = False) -> str:
    """The text with a space for each comma before a closing bracket or, in TOML, after a whole value."""
    tokens, blank = (_TOML_TOKENS, _TOML_BLANK) if toml else (_JSON_TOKENS, _BLANK)
    depth, kept, pieces = 0, 0, []
    for token in tokens.finditer(text):
        depth += _step(token[0])
        if token[0] != ",":
            continue
        following = blank.match(text, token.end())
        assert following is not None, "the pattern matches nothing at all, too"
        before_bracket = text[following.end() : following.end() + 1] in ("]", "}")
        if before_bracket or (depth == 0 and _REST_OF_LINE.match(text, token.end())):
            pieces += [text[kept : token.start()], " "]
            kept = token.end()
    return "".join([*pieces, text[kept:]])


def encode_json(document: Any) -> bytes:
    """Return a document as JSON. Names of files in it that are not UTF-8 are written as ``printable`` shows
    them."""
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        return msgspec.json.encode(_with_printable(msgspec.to_builtins(document)))


def format_json(document: Any) -> str:
    """Return a document as indented JSON with a line break at its end."""
    return msgspec.json.format(encode_json(document), indent=2).decode() + "\n"


def _with_printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {_with_printable(key): _with_printable(item) for key, item in value.items()}
    return [_with_printable(item) for item in value] if isinstance(value, list | tuple) else value
