"""Change pickles: move and replace instructions, or generate programs from the grammar."""

from __future__ import annotations

import pickletools
import random

from tests.pickles.grammar import program
from tools.fuzz.mutators.binary import change_fields

MAX_SEED = 1 << 40


def change_pickle(content: bytes, rng: random.Random) -> bytes:
    """Change instructions of a pickle, or return one that is generated from the grammar."""
    if rng.random() < 0.3:
        return program(rng.randrange(MAX_SEED))
    parts = _instructions(content)
    if len(parts) < 3:
        return change_fields(content, rng)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place, kind = rng.randrange(len(parts)), rng.randrange(5)
        if kind == 0:
            parts[place] = b""
        elif kind == 1:
            parts[place] *= rng.choice((2, 3, 300))
        elif kind == 2:
            other = rng.randrange(len(parts))
            parts[place], parts[other] = parts[other], parts[place]
        elif kind == 3:
            parts.insert(place, program(rng.randrange(MAX_SEED))[2:-1])
        else:
            parts[place] = parts[place][:1] + change_fields(parts[place][1:] or b"\0", rng)
    return b"".join(parts)


def _instructions(content: bytes) -> list[bytes]:
    """Return the instructions up to the first damaged one; the last part is the rest of the content."""
    places = []
    try:
        places = [place for _, _, place in pickletools.genops(content) if place is not None]
    except Exception:  # damaged pickles raise any exception in pickletools
        return []
    return [content[a:b] for a, b in zip(places, [*places[1:], len(content)], strict=True)]
