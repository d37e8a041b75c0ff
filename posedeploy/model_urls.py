"""URLs of models on model servers, which take the place of the paths of model files."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from posedeploy.errors import InputError

if sys.platform == "win32":
    from pathlib import WindowsPath as _Path
else:
    from pathlib import PosixPath as _Path

EXAMPLE = "http://127.0.0.1:8000/v2/models/human"
TIMEOUT_S = 60.0
"""The default time limit of one request."""
MAX_TIMEOUT_S = 86400.0
MODELS = "/v2/models/"
_SCHEME = re.compile(r"(https?|grpcs?):[/\\]+", re.IGNORECASE)
_MODEL = re.compile(r"(?P<prefix>.*)/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?/*")
_PORTS = {"http": 80, "https": 443, "grpc": 8001, "grpcs": 443}


class ModelUrl(_Path):
    """The URL of a served model where a path is expected. It never names a file.

    ``pathlib`` joins the two slashes after the scheme; ``str`` restores them.
    """

    def __str__(self) -> str:
        return _SCHEME.sub(lambda match: f"{match[1].lower()}://", self.as_posix(), count=1)

    def as_posix(self) -> str:
        """Return the path with forward slashes."""
        return super().__str__().replace("\\", "/")

    def __fspath__(self) -> str:
        return str(self)

    def absolute(self) -> ModelUrl:
        """Return the URL itself."""
        return self


@dataclass(frozen=True)
class ModelAddress:
    """The parts of a URL of a served model.

    host, port: of the server. prefix: the path before ``/v2``. version: empty for the default one.
    timeout_s: the time limit of one request. manifest: the manifest file of the model that is expected.
    """

    scheme: str
    host: str
    port: int
    prefix: str
    name: str
    version: str = ""
    timeout_s: float = TIMEOUT_S
    manifest: Path | None = None

    @property
    def server(self) -> str:
        """The server, such as ``http://127.0.0.1:8000``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"


def is_model_url(source: object) -> bool:
    """Return whether a path or text is a URL of a model server."""
    return isinstance(source, (str, PathLike)) and _SCHEME.match(str(source)) is not None


def to_path(source: str | PathLike[str]) -> Path:
    """Return a path, or the URL of a served model as a ``ModelUrl``."""
    return ModelUrl(source) if is_model_url(source) else Path(source)


def parse_model_url(url: Path) -> ModelAddress:
    """Return the parts of a URL such as ``http://127.0.0.1:8000/v2/models/human?timeout=5``.

    Raises:
        InputError: a part is missing, unknown or invalid.
    """
    text = str(to_path(url))
    try:
        parts = urlsplit(text)
        port = parts.port
        if port == 0:
            raise ValueError("port 0")
    except ValueError as error:
        raise InputError(f"{text}: invalid URL ({error}); expected one like {EXAMPLE}") from error
    _check_parts(text, parts)
    match = _MODEL.fullmatch(parts.path)
    if match is None:
        raise _path_error(text, parts)
    timeout_s, manifest = _parse_options(text, parts.query)
    return ModelAddress(
        parts.scheme,
        parts.hostname or "",
        port or _PORTS[parts.scheme],
        match["prefix"],
        unquote(match["name"]),
        unquote(match["version"] or ""),
        timeout_s,
        manifest,
    )


def _check_parts(text: str, parts: SplitResult) -> None:
    if not parts.hostname:
        raise InputError(f"{text}: the URL has no host; expected one like {EXAMPLE}")
    if parts.username is not None or parts.password is not None:
        shown = text.replace(f"{parts.netloc.rpartition('@')[0]}@", "***@")
        raise InputError(
            f"{shown}: a user name or password in the URL of a model server is not supported, because "
            "results contain the URL; leave it out"
        )
    if parts.fragment:
        raise InputError(f"{text}: unknown part #{parts.fragment}; leave it out")
    if parts.scheme.startswith("grpc") and not parts.path.startswith(MODELS):
        raise _path_error(text, parts)


def _path_error(text: str, parts: SplitResult) -> InputError:
    name = parts.path.strip("/").removesuffix("/infer").rpartition("/")[2]
    name = "NAME" if name in ("", "v2", "models") else name
    expected = f"{parts.scheme}://{parts.netloc}{MODELS}{name}"
    return InputError(f"{text}: not the URL of a model; expected {expected} or {expected}/versions/VERSION")


def _parse_options(text: str, query: str) -> tuple[float, Path | None]:
    """Return the timeout and the manifest of the query of a URL."""
    # In the query of a URL, unlike in a form, a plus sign is not a space.
    options = dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    unknown = sorted(options.keys() - {"timeout", "manifest"})
    if unknown:
        raise InputError(f"{text}: unknown option {unknown[0]!r}; expected timeout=SECONDS or manifest=FILE")
    manifest = options.get("manifest")
    return _parse_timeout(text, options.get("timeout")), Path(manifest) if manifest else None


def _parse_timeout(text: str, value: str | None) -> float:
    if value is None:
        return TIMEOUT_S
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT_S:
        raise InputError(
            f"{text}: the timeout is {value!r}; expected seconds above 0 and up to {MAX_TIMEOUT_S:.0f}"
        )
    return seconds
