"""Reading certificates: damaged, changed, of other versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from posedeploy.api.certificate.document import FORMAT, digest_of, read_certificate
from posedeploy.errors import InputError

CONTENT: dict[str, Any] = {
    "format": FORMAT,
    "version": 1,
    "created": "2026-01-01T00:00:00+00:00",
    "passed": True,
    "verdict": "a.onnx is within tolerance of PyTorch in fp32",
    "code": {"release": "0.1.0", "sha256": "0" * 64},
    "packages": {"numpy": "2.0"},
    "arguments": {"device": "cpu"},
    "files": [{"role": "artifact", "path": "a.onnx", "files": {"a.onnx": "1" * 64}}],
    "parity": {"results": [{"label": "a.onnx", "ratio": 1.0}], "errors": {}},
}
DEEP = "[" * 250 + "]" * 250


def signed(**changes: Any) -> dict[str, Any]:
    content = {**CONTENT, **changes}
    return {**content, "sha256": digest_of(content)}


def write(folder: Path, text: str) -> Path:
    path = folder / "c.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_certificate_is_read(tmp_path: Path) -> None:
    document = read_certificate(write(tmp_path, json.dumps(signed())))
    assert (document.passed, document.files[0].files) == (True, {"a.onnx": "1" * 64})


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(signed(), indent=8),
        json.dumps(signed(), sort_keys=True),
        json.dumps(signed()).replace("1.0}", "1}"),
    ],
    ids=["white space", "order", "integer"],
)
def test_formatting_does_not_change_the_digest(tmp_path: Path, text: str) -> None:
    assert read_certificate(write(tmp_path, text)).passed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"passed": true', '"passed": false'),
        ("a.onnx is within", "a.onnx is outside"),
        ("1" * 64, "2" * 64),
        ('"ratio": 1.0', '"ratio": 1.1'),
        ('"errors": {}', '"errors": {}, "note": 1'),
    ],
)
def test_a_changed_certificate_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = json.dumps(signed())
    assert old in text
    with pytest.raises(InputError, match=r"c\.json: the certificate was changed after it was written"):
        read_certificate(write(tmp_path, text.replace(old, new)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a certificate: line 1, column 1: the file is empty"),
        ("[]", "not a certificate: Expected `object`, got `array`"),
        ("{}", "not a certificate: it has no field named format"),
        ('{"format": "posedeploy.parity"}', "its format is 'posedeploy.parity', expected"),
        (f'{{"format": "{FORMAT}", "version": 2}}', "version of the certificate is 2, expected 1; upgrade"),
        (f'{{"format": "{FORMAT}", "version": 0}}', "version of the certificate is 0, expected 1; write it"),
        (json.dumps(signed(files=3)), "the certificate is damaged: Expected `array`, got `int`"),
        (json.dumps(signed(parity={})), "the certificate is damaged: `parity.results` is not a list"),
        (json.dumps(signed(parity={"results": [1]})), "`parity.results` is not a list of objects"),
        ("{\"a\":" * 100_000, "nested 100000 deep"),
        (json.dumps({**CONTENT, "a": "b"}).replace('"b"', DEEP), "nested deeper than 200"),
        (json.dumps({**CONTENT, "a": "b"}).replace('"b"', "1" * 30), "the certificate is damaged"),
        (json.dumps(signed(parity={"results": [{}], "errors": {}})), "`parity.results` has an object whose"),
        (json.dumps(signed())[:-40], "not a certificate: line 1"),
    ],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_certificate(write(tmp_path, text))
    assert message in str(error.value)
