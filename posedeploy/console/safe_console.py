"""A console that file names cannot control or break."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from posedeploy.console.option_names import with_options
from posedeploy.printable import printable


class SafeConsole(Console):
    """A console that escapes control characters and characters that its encoding lacks."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Render a text or table cell, with parameters of the library as options."""
        return super().render_str(with_options(text), **options)

    def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
        """Render all output; line breaks are the only control characters that remain."""
        unicode = self.encoding.startswith("utf")
        for segment in super().render(*arguments, **options):
            if segment.control or (unicode and segment.text.isprintable()):
                yield segment
            else:
                yield Segment(self._escape(segment.text), segment.style)

    def _escape(self, text: str) -> str:
        lines = "\n".join(map(printable, text.split("\n")))
        return lines.encode(self.encoding, "backslashreplace").decode(self.encoding)
