"""The sound of a video on its way from the file that is read to the one that is written."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream


@dataclass(eq=False)
class Sound:
    """Packets as they are read, each with the seconds that its stamps are shifted by. They wait here only
    while the frames of the same time are in work.

    stream: the one that they are of, open for as long as its source. early: those that came before the first
    frame, which says how stamps are shifted. is_complete: whether the last one was read.
    is_wanted: whether someone writes it; otherwise no packet is taken.
    """

    stream: AudioStream
    packets: deque[tuple[Packet[AudioStream], float]] = field(default_factory=deque)
    early: list[Packet[AudioStream]] = field(default_factory=list)
    is_complete: bool = False
    is_wanted: bool = False

    def add(self, packet: Packet[AudioStream], shift_s: float | None) -> None:
        """Take a packet; the shift is None until the first frame."""
        self.early.append(packet)
        if shift_s is not None:
            self.packets.extend((waiting, shift_s) for waiting in self.early)
            self.early.clear()
