"""Presets: the contracts of networks that many people use, one TOML file each.

A new preset is one file here. ``posedeploy families`` shows its table ``[about]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posedeploy.errors import InputError
from posedeploy.text_files import read_toml

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class About:
    """The networks of a preset and their licenses. weights_page: the page that links to the weights."""

    networks: str
    code_license: str
    weights_license: str
    weights_page: str


@dataclass(frozen=True)
class Preset:
    """A preset. family: its decoder."""

    name: str
    family: str
    about: About


def list_presets() -> tuple[str, ...]:
    """Return the names of the presets, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def read_preset(name: str) -> Preset:
    """Return the description of a preset."""
    content: dict[str, dict[str, str]] = read_toml(preset_path(name), "a preset")
    return Preset(name, str(content["family"]), About(**content["about"]))


def preset_path(name: str) -> Path:
    """Return the file of a preset."""
    return FOLDER / f"{name}.toml"


def is_preset(path: Path) -> bool:
    """Return whether a path is the name of a preset, and no file has the same name."""
    return str(path) in list_presets() and not path.is_file()


def resolve_contract(path: Path) -> Path:
    """Return the file of the preset with this name, if no file has the same name; otherwise the path.

    Raises:
        InputError: the path looks like the name of a preset, but neither a file nor a preset has this name.
    """
    if is_preset(path):
        return preset_path(str(path))
    if len(path.parts) == 1 and not path.suffix and not path.exists():
        raise InputError(
            f"{path}: no file or preset has this name; the presets are {', '.join(list_presets())}"
        )
    return path
