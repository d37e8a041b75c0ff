"""Changes of pickles: instructions moved, replaced by others, and whole programs by the grammar."""

from __future__ import annotations

import pickletools
import random

from tests.pickles.grammar import program
from tools.fuzz.mutators.binary import change_fields

MAX_SEED = 1 << 40


def change_pickle(content: bytes, rng: random.Random) -> bytes:
    """Change a pickle, instruction by instruction, or return another by the grammar."""
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
    """The instructions up to the first damage; what follows is the last part."""
    places = []
    try:
        places = [place for _, _, place in pickletools.genops(content) if place is not None]
    except Exception:  # the module raises whatever a damaged pickle makes it stumble over
        return []
    return [content[a:b] for a, b in zip(places, [*places[1:], len(content)], strict=True)]
