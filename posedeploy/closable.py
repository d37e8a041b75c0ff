"""What holds a resource is closed, once by its owner or at the end of a ``with`` block."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closable:
    """A context manager that closes itself."""

    def close(self) -> None:
        """Give back what is held. Closing twice does nothing, and so does closing what holds nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
