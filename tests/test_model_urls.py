"""URLs of models on model servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.errors import InputError
from posedeploy.model_urls import ModelAddress, ModelUrl, is_model_url, parse_model_url, to_path

HOST = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (f"{HOST}/v2/models/human", ModelAddress("http", "127.0.0.1", 8000, "", "human")),
        (f"{HOST}/v2/models/human/", ModelAddress("http", "127.0.0.1", 8000, "", "human")),
        ("HTTP://host/v2/models/human", ModelAddress("http", "host", 80, "", "human")),
        ("https://host/v2/models/human", ModelAddress("https", "host", 443, "", "human")),
        ("grpc://host/v2/models/human", ModelAddress("grpc", "host", 8001, "", "human")),
        ("https://host/a/b/v2/models/human", ModelAddress("https", "host", 443, "/a/b", "human")),
        (f"{HOST}/v2/models/human/versions/3", ModelAddress("http", "127.0.0.1", 8000, "", "human", "3")),
        ("http://[::1]:8000/v2/models/h%20%C3%BC", ModelAddress("http", "::1", 8000, "", "h ü")),
        (f"{HOST}/v2/models/h?timeout=2.5", ModelAddress("http", "127.0.0.1", 8000, "", "h", "", 2.5)),
        (
            f"{HOST}/v2/models/h?manifest=a+b%20c.json",
            ModelAddress("http", "127.0.0.1", 8000, "", "h", manifest=Path("a+b c.json")),
        ),
        (
            f"{HOST}/v2/models/h?manifest=out/h.json",
            ModelAddress("http", "127.0.0.1", 8000, "", "h", manifest=Path("out/h.json")),
        ),
    ],
)
def test_a_url_is_parsed(url: str, address: ModelAddress) -> None:
    assert parse_model_url(Path(url)) == parse_model_url(to_path(url)) == address


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (HOST, rf"not the URL of a model; expected {HOST}/v2/models/NAME or "),
        (f"{HOST}/human", rf"not the URL of a model; expected {HOST}/v2/models/human or "),
        (f"{HOST}/v2", rf"not the URL of a model; expected {HOST}/v2/models/NAME or "),
        (f"{HOST}/v2/models", rf"not the URL of a model; expected {HOST}/v2/models/NAME or "),
        (f"{HOST}/v2/models/human/infer", rf"not the URL of a model; expected {HOST}/v2/models/human or "),
        (f"{HOST}/v1/models/human", rf"not the URL of a model; expected {HOST}/v2/models/human or "),
        ("grpc://h/a/v2/models/human", "not the URL of a model; expected grpc://h/v2/models/human or "),
        ("http:///v2/models/human", "the URL has no model|the URL has no host|not the URL of a model"),
        ("http://host:port/v2/models/human", r"invalid URL \(Port could not be cast to integer"),
        ("http://host:99999/v2/models/human", r"invalid URL \(Port out of range 0-65535\)"),
        ("http://host:0/v2/models/human", r"invalid URL \(port 0\)"),
        ("http://[a/v2/models/human", r"invalid URL \("),
        (f"{HOST}/v2/models/h?timeout=0", "the timeout is '0'; expected seconds above 0 and up to 86400"),
        (f"{HOST}/v2/models/h?timeout=soon", "the timeout is 'soon'; expected seconds above 0"),
        (f"{HOST}/v2/models/h?timeout=nan", "the timeout is 'nan'; expected seconds above 0"),
        (f"{HOST}/v2/models/h?timeot=1", "unknown option 'timeot'; expected timeout=SECONDS or manifest="),
        (f"{HOST}/v2/models/h#a", "unknown part #a; leave it out"),
    ],
)
def test_an_invalid_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_model_url(Path(url))


def test_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(
        InputError, match=r"^http://\*\*\*@host/v2/models/h: a user name or password"
    ) as caught:
        parse_model_url(Path("http://me:secret@host/v2/models/h"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["human.onnx", "http.onnx", "a/http:/b", "httpx://host/v2/models/h", "C:/http"]
)
def test_a_path_is_not_a_url(path: str) -> None:
    assert not is_model_url(path)
    assert type(to_path(path)) is type(Path())


def test_a_url_keeps_its_slashes_as_a_path() -> None:
    url = ModelUrl("http://127.0.0.1:8000/v2/models/human")
    assert str(url) == "http://127.0.0.1:8000/v2/models/human" == str(url.absolute())
    assert url.name == "human"
    assert not url.exists()
    assert str(to_path(Path("http://host/v2/models/h"))) == "http://host/v2/models/h"
