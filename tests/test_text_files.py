from __future__ import annotations

import math
import re
from pathlib import Path

import msgspec
import pytest

from posedeploy.csv_files import CsvRow, read_csv
from posedeploy.errors import InputError
from posedeploy.text_files import MAX_DEPTH, read_json, read_text, read_toml

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le")
LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


class _Box(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: list[float]


@pytest.fixture(params=ENCODINGS)
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=LINE_ENDS)
def line_end(request: pytest.FixtureRequest) -> str:
    return LINE_ENDS[request.param]


def _write(path: Path, text: str, encoding: str = "utf-8", line_end: str = "\n") -> Path:
    path.write_bytes(text.replace("\n", line_end).encode(encoding))
    return path


def test_every_encoding_and_line_end_is_read(tmp_path: Path, encoding: str, line_end: str) -> None:
    def write(text: str) -> Path:
        return _write(tmp_path / "file", text, encoding, line_end)

    assert read_text(write("día\n雪\n"), "text") == "día\n雪\n"
    json = write('{"name":\n"día",\n"size": [1,\n2]}\n')
    assert read_json(json, "boxes", _Box) == _Box("día", [1, 2])
    toml = write('name = "día"\n\nsize = [1.0,\n2]\n')
    assert read_toml(toml, "boxes", _Box) == _Box("día", [1, 2])
    csv = write("día,1\n\n雪,2\n")
    assert read_csv(csv, "boxes") == [CsvRow(1, ("día", "1")), CsvRow(3, ("雪", "2"))]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, 2,]", [1, 2]),
        ("[[1, 2, ],\n\t[3, 4]\n,\n]\n", [[1, 2], [3, 4]]),
        ('{"a": {"b": 1,}, "c": ",]",}', {"a": {"b": 1}, "c": ",]"}),
        ('{"a": "\\",]",}', {"a": '",]'}),
        ('{"a": 1},\n', {"a": 1}),
    ],
)
def test_trailing_commas_of_json_are_ignored(text: str, value: object, tmp_path: Path) -> None:
    assert read_json(_write(tmp_path / "a.json", text), "a test") == value


def test_nan_and_infinity_are_read_if_permitted(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.json", '{"name": "NaN", "size": [NaN, Infinity, -Infinity]}')
    size = read_json(path, "boxes", _Box, nan=True).size
    assert math.isnan(size[0]) and size[1:] == [math.inf, -math.inf]
    with pytest.raises(InputError, match=r"a\.json: not boxes: NaN is not a finite number"):
        read_json(path, "boxes", _Box)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = [1, 2,]", {"a": [1, 2]}),
        ("a = { b = 1, }\n", {"a": {"b": 1}}),
        ('a = 1, # one\nb = "x,",\n', {"a": 1, "b": "x,"}),
        ("a = ''',}'''\nb = { c = ',}' , }", {"a": ",}", "b": {"c": ",}"}}),
        ('a = """\n",}""",\nb = "\\",}"', {"a": '",}', "b": '",}'}),
    ],
)
def test_trailing_commas_of_toml_are_ignored(text: str, value: object, tmp_path: Path) -> None:
    assert read_toml(_write(tmp_path / "a.toml", text), "a test") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: the file is empty"),
        ('{"size": [1,\n2', "line 2, column 2: Expecting ',' delimiter"),
        ('{"a" 1}', "line 1, column 6: Expecting ':' delimiter"),
        ("<!DOCTYPE html><p>", "line 1, column 1: an HTML page; it is often a download warning"),
        (
            "version https://git-lfs.github.com/spec/v1\n",
            "line 1, column 1: a Git LFS pointer; run `git lfs pull`",
        ),
        ('{"name": 1, "size": []}', "Expected `str`, got `int` - at `$.name`"),
        ('{"name": 1, "size": [],}', "Expected `str`, got `int` - at `$.name`"),
    ],
)
def test_invalid_json_is_refused_with_its_position(text: str, message: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.json", text)
    with pytest.raises(InputError, match=re.escape(f"{path}: not boxes: {message}") + ".*; see the manual$"):
        read_json(path, "boxes", _Box, hint="see the manual")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, f"lists and objects are nested 100000 deep; expected at most {MAX_DEPTH}"),
        ("[" + "9" * 5000 + ",]", "Integer value out of range"),
    ],
)
def test_extreme_json_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.json: not boxes: " + re.escape(message)):
        read_json(_write(tmp_path / "a.json", text), "boxes")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = \n", "line 1, column 8: Invalid value"),
        ("name = [1", "line 1, column 10: Unclosed array"),
        ("<html>", "line 1, column 1: an HTML page; it is often a download warning"),
        ("name = 1", "Expected `str`, got `int` - at `$.name`"),
        ("a = " + "[" * 1000, f"lists and objects are nested 1000 deep; expected at most {MAX_DEPTH}"),
        ("a" + ".a" * 100_000 + " = 1", f"line 1, column 1: a key has more than {MAX_DEPTH} parts"),
    ],
)
def test_invalid_toml_is_refused_with_its_position(text: str, message: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.toml", text)
    with pytest.raises(InputError, match=re.escape(f"{path}: not boxes: {message}") + ".*; see the manual$"):
        read_toml(path, "boxes", _Box, hint="see the manual")


def test_invalid_bytes_are_refused_with_their_position(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a":\n "caf\xe9"}')
    with pytest.raises(
        InputError, match=r"line 2, column 6: the byte 0xe9 is not UTF-8; save the file as UTF-8$"
    ):
        read_json(path, "a test")
    assert read_text(path, "a test", replace=True) == '{"a":\n "caf�"}'


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match=r"1,099,511,627,776 bytes, but a test may have at most 67,108,864"):
        read_json(path, "a test")


@pytest.mark.parametrize("text", ['"' * 200_000, '"' + '\\"' * 100_000, "[" + ", " * 100_000, "'" * 200_001])
def test_hostile_texts_are_parsed_in_linear_time(text: str, tmp_path: Path) -> None:
    """A quadratic parser would take minutes."""
    with pytest.raises(InputError):
        read_json(_write(tmp_path / "a.json", text), "a test")
    with pytest.raises(InputError):
        read_toml(_write(tmp_path / "a.toml", text), "a test")


@pytest.mark.parametrize("content", [b"[" + b"[]," * 2_000_000 + b"[]]", b"[" + b"{}," * 2_000_000 + b"{}]"])
def test_small_lists_and_objects_are_limited(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json: 2,000,002 lists and objects, but a test of"):
        read_json(tmp_path / "a.json", "a test")
