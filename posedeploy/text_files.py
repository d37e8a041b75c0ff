"""Read text, JSON and TOML files as any editor or tool saves them, and write JSON.

The encoding is UTF-8, UTF-16 or UTF-32, with or without a byte order mark, with any line ends. JSON and TOML
may have trailing commas, and JSON also Python's ``NaN`` and ``Infinity`` if the caller permits them. Errors
have the line and column.
"""

from __future__ import annotations

import io
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec

from posedeploy.brackets import JSON, TOML, Syntax, blank_trailing_commas, nesting_depth
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


_TOML_LONG_KEY = re.compile(rf"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{MAX_DEPTH}}}""")
_TOML_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_text(path: Path, what: str, *, max_bytes: int = MAX_TEXT_BYTES, replace: bool = False) -> str:
    r"""Return the text of a file, with ``\n`` as line ends.

    Args:
        what: a noun phrase for messages, such as "a CSV file of boxes".
        replace: replace invalid bytes by U+FFFD instead of refusing the file.

    Raises:
        InputError: it is not a regular file, is too large, or is not Unicode.
    """
    return decode(read_bytes(path, what, max_bytes), path, what, replace=replace)


def decode(content: bytes, path: Path, what: str, *, replace: bool = False) -> str:
    """Decode the bytes of a file as ``read_text`` does.

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
            f"{path}: not {what}: {_position(before)}: the byte 0x{content[error.start]:02x} is not {name}; "
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
    """Return the content of a JSON file, converted to ``type`` by msgspec.

    Args:
        what: a noun phrase for messages, such as "a JSON file of boxes".
        hint: how to fix the file, for the end of messages.
        nan: read NaN and Infinity as numbers instead of refusing the file.

    Raises:
        InputError: it is not a regular file, is too large or nested too deep, is not JSON, or does not fit
            the type.
    """
    return parse_json(read_bytes(path, what, max_bytes), path, what, type, hint=hint, nan=nan)


def parse_json(
    content: bytes, path: Path, what: str, type: Any = Any, *, hint: str = "", nan: bool = False
) -> Any:
    """Parse the bytes of a JSON file as ``read_json`` does.

    Raises:
        InputError: they are not JSON, are nested too deep, or do not fit the type.
    """
    if json.detect_encoding(content) != "utf-8":
        content = decode(content, path, what).encode(errors="surrogatepass")
    _check_containers(content, path, what)
    try:
        return msgspec.json.decode(content, type=type)
    except msgspec.ValidationError as error:
        raise invalid_file_error(path, what, str(error), hint) from error
    except (msgspec.DecodeError, RecursionError, ValueError):
        # Python's parser accepts trailing commas (blanked below) and NaN, and its errors have a position.
        text = decode(content, path, what)
    _check_depth(text, JSON, path, what, hint)

    def parse() -> Any:
        return json.loads(
            blank_trailing_commas(text, JSON), parse_constant=float if nan else _refuse_constant
        )

    return _parse(parse, text, path, what, type, hint)


@overload
def read_toml(path: Path, what: str, type: type[T], *, hint: str = ...) -> T: ...
@overload
def read_toml(path: Path, what: str, type: Any = ..., *, hint: str = ...) -> Any: ...
def read_toml(path: Path, what: str, type: Any = Any, *, hint: str = "") -> Any:
    """Return the content of a TOML file, converted to ``type`` by msgspec; arguments as for ``read_json``.

    Raises:
        InputError: it is not a regular file, is too large or nested too deep, is not TOML, or does not fit
            the type.
    """
    text = decode(read_bytes(path, what, MAX_TOML_BYTES), path, what)
    _check_depth(text, TOML, path, what, hint)
    if key := _TOML_LONG_KEY.search(text):
        reason = f"{_position(text[: key.start()])}: a key has more than {MAX_DEPTH} parts"
        raise invalid_file_error(path, what, reason, hint)
    return _parse(lambda: _parse_toml(text), text, path, what, type, hint)


def _parse(parse: Callable[[], Any], text: str, path: Path, what: str, type: Any, hint: str) -> Any:
    try:
        return convert(parse(), type)
    except msgspec.ValidationError as error:
        raise invalid_file_error(path, what, str(error), hint) from error
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {_describe_fault(error.msg, text)}"
        raise invalid_file_error(path, what, reason, hint) from error
    except tomllib.TOMLDecodeError as error:
        raise invalid_file_error(path, what, _describe_toml_error(str(error), text), hint) from error
    except (ValueError, RecursionError) as error:  # such as a number with thousands of digits
        raise invalid_file_error(path, what, str(error), hint) from error


@overload
def convert(value: Any, type: type[T], *, strict: bool = ...) -> T: ...
@overload
def convert(value: Any, type: Any, *, strict: bool = ...) -> Any: ...
def convert(value: Any, type: Any, *, strict: bool = True) -> Any:
    """Convert values from JSON or TOML to ``type`` by msgspec.

    Args:
        strict: refuse numbers that are written as strings, and whole numbers written as floats.

    Raises:
        msgspec.ValidationError: they do not fit the type, or a string is not Unicode, for which msgspec
            raises another error.
    """
    try:
        return msgspec.convert(value, type, strict=strict)
    except UnicodeEncodeError as error:
        raise msgspec.ValidationError(f"a string is not Unicode ({error.reason})") from error


def _check_containers(content: bytes, path: Path, what: str) -> None:
    """Limit the number of lists and objects; small ones take up to 60 times their file size in memory."""
    count = content.count(b"[") + content.count(b"{")
    limit = MAX_JSON_CONTAINERS + len(content) // JSON_BYTES_PER_CONTAINER
    if count > limit:
        raise InputError(
            f"{path}: {count:,} lists and objects, but {what} of this size may have at most {limit:,}"
        )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a finite number")


def invalid_file_error(path: Path, what: str, reason: str, hint: str) -> InputError:
    """Return the error for a file that is not ``what``."""
    return InputError(f"{path}: not {what}: {reason}" + (f"; {hint}" if hint else ""))


def _describe_fault(message: str, text: str) -> str:
    """Return the kind of the file if its beginning shows it, or else the parser's message."""
    if not text.strip():
        return "the file is empty"
    kind = kind_of(io.BytesIO(text.lstrip()[:HEAD_BYTES].encode(errors="replace")))
    return f"{kind.what}; {kind.remedy}" if kind.name in ("html", "xml", "lfs") else message


def _parse_toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        corrected = blank_trailing_commas(text, TOML)
        if corrected == text:
            raise
        return tomllib.loads(corrected)


def _describe_toml_error(message: str, text: str) -> str:
    """Return the error of tomllib with the position first, as in other messages."""
    match = _TOML_POSITION.search(message)
    if match is None:
        return _describe_fault(message, text)
    position = f"line {match[1]}, column {match[2]}" if match[1] else _position(text)
    return f"{position}: {_describe_fault(message[: match.start()], text)}"


def _check_depth(text: str, syntax: Syntax, path: Path, what: str, hint: str) -> None:
    if (depth := nesting_depth(text, syntax)) > MAX_DEPTH:
        reason = f"lists and objects are nested {depth} deep; expected at most {MAX_DEPTH}"
        raise invalid_file_error(path, what, reason, hint)


def _position(before: str) -> str:
    """Return the line and column, counted from 1, after this text."""
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def encode_json(document: Any) -> bytes:
    """Encode a document as JSON. File names that are not UTF-8 are written as by ``printable``."""
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        return msgspec.json.encode(_make_printable(msgspec.to_builtins(document)))


def format_json(document: Any) -> str:
    """Format a document as indented JSON with a line end."""
    return msgspec.json.format(encode_json(document), indent=2).decode() + "\n"


def _make_printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {_make_printable(key): _make_printable(item) for key, item in value.items()}
    return [_make_printable(item) for item in value] if isinstance(value, list | tuple) else value
