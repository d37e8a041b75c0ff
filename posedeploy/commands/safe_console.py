"""A terminal that the names of files cannot steer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from posedeploy.printable import printable


class SafeConsole(Console):
    """A console that escapes what would steer the terminal or cannot be encoded, in whatever is printed."""

    def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
        """As of ``Console``, through which everything goes; only line breaks stay."""
        for segment in super().render(*arguments, **options):
            if segment.control or segment.text.isprintable() or segment.text == "\n":
                yield segment
            else:
                text = "\n".join(map(printable, segment.text.split("\n")))
                yield Segment(text, segment.style)
