"""What a figure wears and how its skin and hair look."""

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
    """Colors and cuts. sleeve and leg: how much of arm and leg is covered, 0 to 2 (1: to elbow or knee).

    skirt: the length of a skirt in thigh lengths, 0 for none. light: from where the light comes, -1 left,
    1 right; depth: how much darker the side away from it is. looseness: cloth over limb, as a factor.
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


def draw_outfit(draws: Rng) -> Outfit:
    """Any clothes: half of them plain, one figure in seven in a skirt, one in six with a hat."""
    top = _cloth(draws)
    alike = draws.chance(0.12)
    return Outfit(
        skin=_near(draws, draws.pick(SKINS), 14),
        hair_color=_near(draws, draws.pick(HAIRS), 14),
        hair=draws.pick(
            ("bald", "short", "short", "short", "full", "full", "long", "long", "bun", "hat", "hat")
        ),
        top=top,
        second=_cloth(draws),
        pattern=draws.pick(("plain", "plain", "plain", "stripes", "bars", "open")),
        bottom=_near(draws, top, 12) if alike else _cloth(draws),
        shoes=_cloth(draws),
        sleeve=draws.pick((0.0, 0.5, 0.6, 1.0, 2.0, 2.0, 2.0)),
        leg=draws.pick((0.4, 0.8, 1.0, 2.0, 2.0, 2.0, 2.0)),
        skirt=draws.uniform(0.5, 1.7) if draws.chance(0.14) else 0.0,
        looseness=draws.uniform(1.0, 1.3),
        light=draws.side(),
        depth=draws.uniform(0.0, 0.35),
        edge=draws.pick((0.0, 0.0, 0.6, 0.75, 0.85)),
        glasses=draws.chance(0.12),
        beard=draws.chance(0.12),
    )


def _cloth(draws: Rng) -> Color:
    if draws.chance(0.35):  # grays, from black to white
        value = draws.whole(12, 245)
        return _near(draws, (value, value, value), 10)
    return draws.whole(5, 250), draws.whole(5, 250), draws.whole(5, 250)


def _near(draws: Rng, color: Color, spread: int) -> Color:
    blue, green, red = (min(255, max(0, value + draws.whole(-spread, spread))) for value in color)
    return blue, green, red
