"""A terminal that the names of files can neither steer nor break."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from posedeploy.console.option_names import with_options
from posedeploy.printable import printable


class SafeConsole(Console):
    """A console that escapes, in whatever is printed, what would steer the terminal and what its encoding
    does not have."""

    def render_str(self, text: str, **options: Any) -> Text:
        """As of ``Console``, with options in place of parameters; table cells go through here too."""
        return super().render_str(with_options(text), **options)

    def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
        """As of ``Console``, through which everything goes; only line breaks stay."""
        unicode = self.encoding.startswith("utf")
        for segment in super().render(*arguments, **options):
            if segment.control or (unicode and segment.text.isprintable()):
                yield segment
            else:
                yield Segment(self._escaped(segment.text), segment.style)

    def _escaped(self, text: str) -> str:
        lines = "\n".join(map(printable, text.split("\n")))
        return lines.encode(self.encoding, "backslashreplace").decode(self.encoding)
