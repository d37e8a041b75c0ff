"""The clothes, skin and hair of a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posedeploy.synthetic.rng import Rng

Color = tuple[int, int, int]
"""Blue, green, red, 0 to 255."""
Hair = Literal["bald", "short", "full", "long", "bun", "hat"]
Pattern = Literal["plain", "stripes", "bars", "open"]

SKINS: tuple[Color, ...] = (
    (178, 200, 236), (150, 185, 232), (130, 168, 220), (110, 146, 204),
    (84, 120, 178), (62, 92, 142), (46, 68, 108), (34, 48, 78),
)  # fmt: skip
HAIRS: tuple[Color, ...] = (
    (22, 20, 22), (30, 36, 52), (34, 58, 92), (60, 96, 140), (110, 160, 200), (40, 60, 150), (150, 150, 155),
    (215, 215, 215),
)  # fmt: skip


@dataclass(frozen=True)
class Outfit:
    """The colors and cuts of a figure's clothes.

    sleeve, leg: the covered part of arm and leg, 0 to 2 (1: to the elbow or knee). skirt: its length in thigh
    lengths; 0: none. light: the side of the light, -1 left, 1 right. depth: how much darker the other side
    is, 0 to 1. looseness: the width of the cloth over that of the limb.
    """

    skin: Color
    hair_color: Color
    hair: Hair
    top: Color
    second: Color
    pattern: Pattern
    bottom: Color
    shoes: Color
    sleeve: float
    leg: float
    skirt: float
    looseness: float
    light: int
    depth: float
    edge: float
    glasses: bool
    beard: bool


def generate_outfit(rng: Rng) -> Outfit:
    """Return a random outfit: half are plain, one in seven has a skirt, one in six a hat."""
    top = _cloth(rng)
    is_one_color = rng.chance(0.12)
    return Outfit(
        skin=_near(rng, rng.choice(SKINS), 14),
        hair_color=_near(rng, rng.choice(HAIRS), 14),
        hair=rng.choice(
            ("bald", "short", "short", "short", "full", "full", "long", "long", "bun", "hat", "hat")
        ),
        top=top,
        second=_cloth(rng),
        pattern=rng.choice(("plain", "plain", "plain", "stripes", "bars", "open")),
        bottom=_near(rng, top, 12) if is_one_color else _cloth(rng),
        shoes=_cloth(rng),
        sleeve=rng.choice((0.0, 0.5, 0.6, 1.0, 2.0, 2.0, 2.0)),
        leg=rng.choice((0.4, 0.8, 1.0, 2.0, 2.0, 2.0, 2.0)),
        skirt=rng.uniform(0.5, 1.7) if rng.chance(0.14) else 0.0,
        looseness=rng.uniform(1.0, 1.3),
        light=rng.sign(),
        depth=rng.uniform(0.0, 0.35),
        edge=rng.choice((0.0, 0.0, 0.6, 0.75, 0.85)),
        glasses=rng.chance(0.12),
        beard=rng.chance(0.12),
    )


def _cloth(rng: Rng) -> Color:
    if rng.chance(0.35):  # grays, from black to white
        value = rng.integer(12, 245)
        return _near(rng, (value, value, value), 10)
    return rng.integer(5, 250), rng.integer(5, 250), rng.integer(5, 250)


def _near(rng: Rng, color: Color, spread: int) -> Color:
    blue, green, red = (min(255, max(0, value + rng.integer(-spread, spread))) for value in color)
    return blue, green, red
