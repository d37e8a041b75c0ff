"""``posedeploy families``: the supported networks, the decoders and the presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from posedeploy.console.output import out, write_json
from posedeploy.decoder_families import DECODER_FAMILIES
from posedeploy.families import FAMILIES, Family
from posedeploy.presets import list_presets, read_preset


def run(json: Path | None) -> None:
    """Show the families, the decoders and the presets, one block each, which fit 80 columns."""
    for family in FAMILIES.values():
        _show(family.name, _facts(family), family.weights_page)
    out.print("Decoders: for other networks, chosen as family in a --contract file (docs/decoders.md)\n")
    for decoder in DECODER_FAMILIES.values():
        facts = {"output": decoder.task, "roles": decoder.roles, "networks": decoder.networks}
        _show(decoder.name, facts)
    out.print("Presets: --contract NAME, for model files without a manifest (docs/presets/)\n")
    presets = [read_preset(name) for name in list_presets()]
    for preset in presets:
        about = preset.about
        licenses = f"code {about.code_license}, weights {about.weights_license}"
        facts = {"decoder": preset.family, "networks": about.networks, "license": licenses}
        _show(preset.name, facts, about.weights_page)
    if json is not None:
        write_json(
            json,
            {
                "format": "posedeploy.families",
                "version": 1,
                "families": [asdict(row) for row in FAMILIES.values()],
                "decoders": [asdict(row) for row in DECODER_FAMILIES.values()],
                "presets": [asdict(preset) for preset in presets],
            },
        )


def _show(name: str, facts: Mapping[str, str], page: str = "") -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for label, value in facts.items():
        table.add_row(label, value)
    out.print(name, style="bold")
    out.print(table)
    out.print(f"{page}\n" if page else "", style="dim", soft_wrap=True)


def _facts(family: Family) -> dict[str, str]:
    fetch = f"posedeploy fetch {family.name}" if family.weights_url else "no direct link; see the page below"
    return {
        "output": family.task,
        "joints": family.joints,
        "input": family.input,
        "parameters": family.parameters,
        "GFLOP": family.gflop,
        "license": f"code {family.code_license}, weights {family.weights_license}",
        "weights": fetch,
    }
