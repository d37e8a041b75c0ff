"""Change JSON, TOML, CSV, XML and HTTP: replace values, and insert problematic lines and tokens."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

DEEP = "posedeploy-deep"
"""A placeholder for lists that are nested deeper than any parser accepts; replaced in the encoded text."""
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    17,
    255,
    1 << 31,
    1 << 53,
    1 << 63,
    1 << 64,
    -(1 << 63),
    10**400,
    0.0,
    -0.0,
    0.5,
    1e-320,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
    -float("inf"),
    "",
    "0",
    "1",
    "NaN",
    "a",
    "é",
    "\ud800",
    "\x00",
    "\x1b[31m\n",
    "../../x",
    "x" * 5000,
    [],
    {},
    [[]],
    [None],
    [0],
    [1, 2, 3],
    {"a": 1},
    DEEP,
)
TOKENS = (
    "0",
    "-1",
    "1e999",
    "-inf",
    "nan",
    "NaN",
    "99999999999999999999",
    "9" * 400,
    "0x7fffffff",
    "1_000",
    '""',
    "''",
    '"',
    "'",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    "\t",
    "\x00",
    "\x1b[2J",
    "\u2028",
    "é",
    "\ufeff",
    "[" * 3000,
    "a." * 3000,
    "-",
    "+",
    "true",
    "null",
    "<",
    ">",
    "&amp;",
    "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    "%s",
    "{}",
    "#",
    "bytes=0-",
    "chunked",
    "gzip",
    "\r\n",
    ": ",
)
_TOKEN = re.compile(rb"[\w.+-]+|[^\w\s]|\s+")


def change_json(content: bytes, rng: random.Random) -> bytes:
    """Change a few values, keys or entries of a JSON document."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return change_tokens(content, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        document = _changed(document, rng)
    text = json.dumps(document).replace(f'"{DEEP}"', "[" * rng.choice((150, 900, 5000, 100_000)))
    return text.encode()


def _changed(document: Any, rng: random.Random) -> Any:
    containers = list(_containers(document))
    if not containers or rng.random() < 0.02:
        return copy.deepcopy(rng.choice(VALUES))
    container = rng.choice(containers)
    keys = list(container) if isinstance(container, dict) else list(range(len(container)))
    if not keys:
        return document
    key, kind = rng.choice(keys), rng.randrange(6)
    if kind < 3:
        container[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind == 3:
        del container[key]
    elif kind == 4:
        container[key] = copy.deepcopy(rng.choice(containers))
    elif isinstance(container, dict):
        container[str(rng.choice(VALUES))[:5000]] = container.pop(key)
    else:
        container.extend(copy.deepcopy(container[: rng.choice((1, 2, 100))]))
    return document


def _containers(value: Any) -> Any:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value[:200]:
            yield from _containers(inner)


def change_tokens(content: bytes, rng: random.Random) -> bytes:
    """Replace, remove, repeat or swap a few words, numbers and symbols of a text."""
    tokens = _TOKEN.findall(content) or [b""]
    for _ in range(rng.choice((1, 1, 2, 4))):
        place, kind = rng.randrange(len(tokens)), rng.randrange(5)
        if kind < 2:
            tokens[place] = rng.choice(TOKENS).encode()
        elif kind == 2:
            tokens[place] = b""
        elif kind == 3:
            tokens[place] *= rng.choice((2, 3, 100))
        else:
            other = rng.randrange(len(tokens))
            tokens[place], tokens[other] = tokens[other], tokens[place]
    return b"".join(tokens)


def change_lines(content: bytes, rng: random.Random) -> bytes:
    """Remove, repeat, swap or cut lines, or save the text in another encoding."""
    lines = content.split(b"\n")
    place, kind = rng.randrange(len(lines)), rng.randrange(6)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines[place : place + 1] = [lines[place]] * rng.choice((2, 3, 50))
    elif kind == 2:
        rng.shuffle(lines)
    elif kind == 3:
        lines[place] = lines[place][: rng.randrange(len(lines[place]) + 1)]
    elif kind == 4:
        encoding = rng.choice(("utf-16", "utf-16-be", "utf-32", "utf-8-sig"))
        return content.decode("latin1").encode(encoding)
    else:
        lines.insert(place, rng.choice(TOKENS).encode())
    return b"\n".join(lines)
