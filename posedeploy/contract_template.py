"""Contract files with all fields and comments, for users to edit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, get_args, get_type_hints

from posedeploy.decoder_families import DECODER_FAMILIES
from posedeploy.errors import InputError
from posedeploy.families import (
    FAMILIES,
    decoder_poses_of,
    has_decoding,
    joint_set,
    list_decodable,
    poses_of,
)
from posedeploy.joint_sets import KEYPOINT_SETS
from posedeploy.output_roles import required_roles
from posedeploy.presets import list_presets, preset_path
from posedeploy.text_files import read_text
from posedeploy.type_values import list_values
from posedeploy.types import Fit, InputContract

COMMENTS = {
    "height": "px; the size of the input that the network was trained on",
    "width": "px",
    "mean": "of pixel values from 0 to 255, in color_order; those for 0 to 1, times 255",
    "std": "also for 0 to 255; for a network that takes values from 0 to 1, mean is 0 and std is 255",
    "color_order": "RGB or BGR, as in the training",
    "fit": f"how an image becomes the input: {', '.join(get_args(Fit))}",
    "multiple": "height and width are multiples of this",
    "margin": "the size of the input relative to the box of the person, for fits of a box",
}
"""The fields of ``[input]`` in a template, with a comment."""
EXTRA_LINES = {
    "mobile-human-pose": (
        "cells = 32  # per side of the volume (x, y and depth) in which positions are; 64 for LPRES and LPWO",
    )
}
"""The lines of fields that only one family has."""
INDENT = 42


def write_template(name: str) -> str:
    """Return a contract file with comments for a family, or the file of a preset.

    Raises:
        InputError: no family and no preset has this name.
    """
    if name in list_presets():
        return read_text(preset_path(name), "a preset")
    if not has_decoding(name):
        names = (*list_decodable(), *list_presets())
        nearest = get_close_matches(name.lower().replace("_", "-"), names, 1)
        remark = f" (nearest: {nearest[0]})" if nearest else ""
        raise InputError(
            f"no family or preset has the name {name!r}{remark}; the families are "
            f"{', '.join(list_decodable())}, the presets {', '.join(list_presets())}"
        )
    sections = (_head(name), _keypoints(name), _input(name), _outputs(name), _decoding(name))
    return "\n\n".join("\n".join(lines) for section in sections if (lines := [*section])) + "\n"


def _head(family: str) -> Iterator[str]:
    yield "# A contract: the description of a network. docs/own-network.md describes the fields."
    yield f"# {family}: {_task_of(family)}"
    yield _line("family", family, "whose decoding turns the outputs into poses")
    yield _line("variant", "my-network", "any name")
    yield from EXTRA_LINES.get(family, ())


def _task_of(family: str) -> str:
    return FAMILIES[family].task if family in FAMILIES else DECODER_FAMILIES[family].task


def _keypoints(family: str) -> Iterator[str]:
    joints = joint_set(family)
    if decoder_poses_of(family) is not None:
        yield _line("keypoint_set", joints.name, f"the order of the keypoints: {', '.join(KEYPOINT_SETS)}")
        yield "# Or your own, instead of keypoint_set, in the order of the outputs:"
    else:
        yield f"# Only if they differ from the published ones ({joints.name or len(joints.joints)}):"
    yield _comment(_line("keypoint_names", list(joints.joints[:3]), "and so on, in the order of the outputs"))
    yield _comment(_line("skeleton", [list(bone) for bone in joints.bones[:2]], "pairs, counted from 0"))
    if "pafs" in poses_of(family).ROLES:
        yield _comment(_line("paf_channels", [[0, 1], [2, 3]], "only if the limbs have another order"))


def _input(family: str) -> Iterator[str]:
    contract = poses_of(family).CONTRACT
    if contract is None:
        return
    yield "[input]"
    yield _comment(_line("name", "data", "of the input tensor, for a third-party model"))
    yield _comment(_line("shape", ["batch", 3, "height", "width"], "a string is a dynamic axis"))
    for field in fields(InputContract):
        if field.name in COMMENTS:
            value = getattr(contract, field.name)
            yield _line(field.name, list(value) if isinstance(value, tuple) else value, COMMENTS[field.name])


def _outputs(family: str) -> Iterator[str]:
    yield "# ROLE = NAME, in the order in which the network returns the outputs."
    yield "[outputs]"
    for role in poses_of(family).ROLES:
        line = _line(role, role, "" if role in required_roles(family) else "optional")
        yield line if role in required_roles(family) else _comment(line)


def _decoding(family: str) -> Iterator[str]:
    decoder = decoder_poses_of(family)
    if decoder is None:
        return
    yield "[decoding]"
    described, hints = _describe_options(decoder.OPTIONS), get_type_hints(decoder.OPTIONS)
    for option in fields(decoder.OPTIONS):
        default = list(option.default) if isinstance(option.default, tuple) else option.default
        values = ", ".join(list_values(hints[option.name]))
        yield from (f"# {line}" for line in described.get(option.name, ()))
        yield _line(option.name, default, f"one of {values}" if values else "")


def _describe_options(options: type[Any]) -> dict[str, list[str]]:
    """Return the lines of the docstring that describe each option, which begin with its name and a colon."""
    names = "|".join(field.name for field in fields(options))
    described: dict[str, list[str]] = {}
    name = ""
    for line in (options.__doc__ or "").replace("``", "").splitlines():
        if match := re.match(rf"\s*({names}): ", line):
            name = match[1]
        if name and line.strip():
            described.setdefault(name, []).append(line.strip())
    return described


def _line(name: str, value: Any, comment: str) -> str:
    line = f"{name} = {_toml(value)}"
    return f"{line.ljust(INDENT)}  # {comment}" if comment else line


def _comment(line: str) -> str:
    return f"# {line}"


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:.6g}"
