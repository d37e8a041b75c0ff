"""The pages of the documentation and the commands that they show."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(
    path.relative_to(ROOT)
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        *sorted((ROOT / "docs").glob("**/*.md")),
    )
)
LANGUAGES = frozenset(("console", "kotlin", "python", "sh", "swift", "text", "toml", "yaml"))
"""The languages of blocks. Only ``sh`` and ``console`` blocks contain commands."""

_FENCE = re.compile(
    r"(?:^<!-- parse: (?P<reason>[^\n]+) -->\n)?^ *```(?P<language>[^\n]*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Command:
    """A command line and the output that its page shows.

    parse_reason: why the tests only parse its options; None if they run it.
    """

    arguments: tuple[str, ...]
    output: tuple[str, ...] = ()
    parse_reason: str | None = None

    def __str__(self) -> str:
        return shlex.join(self.arguments)


@dataclass(frozen=True)
class Block:
    """A fenced block. ``parse_reason`` is the text of a marker ``<!-- parse: REASON -->`` above it."""

    language: str
    text: str
    parse_reason: str | None

    def commands(self) -> tuple[Command, ...]:
        """Return the commands of a ``sh`` or ``console`` block, and none of others."""
        text = self.text.replace("\\\n", " ")
        if self.language == "sh":
            return tuple(
                Command(arguments, parse_reason=self.parse_reason)
                for line in text.splitlines()
                if (arguments := tuple(shlex.split(line, comments=True)))
            )
        if self.language == "console":
            return tuple(self._session(text))
        return ()

    def _session(self, text: str) -> list[Command]:
        found = []
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, *output = part.splitlines()
            arguments = tuple(shlex.split(command, comments=True))
            found.append(Command(arguments, tuple(output), self.parse_reason))
        return found


def blocks(page: Path) -> tuple[Block, ...]:
    """Return the fenced blocks of a page. The path is relative to the root of the repository."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return tuple(Block(match["language"], match["text"], match["reason"]) for match in _FENCE.finditer(text))


def commands(page: Path) -> tuple[Command, ...]:
    """Return all commands of a page in their order."""
    return tuple(command for block in blocks(page) for command in block.commands())
