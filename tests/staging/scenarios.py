"""Folders whose files a run replaces, or has begun to replace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posedeploy.files import staged
from posedeploy.staging.recovery import recover

OLD = {"a.bin": "old bin", "a.xml": "old xml", "a.xml.posedeploy.json": "old manifest", "a.log": "old log"}
NEW = {"a.bin": "new bin", "a.xml": "new xml", "a.xml.posedeploy.json": "new manifest", "a.onnx": "new onnx"}
OTHER = {"b.txt": "another's"}


@dataclass(frozen=True)
class Scenario:
    """A folder with an old set that a run replaces by a new one."""

    old: dict[str, str]
    new: dict[str, str]
    outdated: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Replace the old set by the new one."""
        with staged(folder, lambda: self.outdated) as stage:
            for name in self.new:
                if self.old.get(name) != self.new[name]:
                    (stage / name).write_text(self.new[name])


class Recovering(Scenario):
    """A folder in which a run was killed while it replaced files, and a run that opens the folder."""

    def write(self, folder: Path) -> None:
        """Open the folder."""
        recover(folder)


SCENARIOS = {
    "set": Scenario(OTHER | OLD, OTHER | NEW, ("a.log",)),
    "fresh set": Scenario(OTHER, OTHER | NEW, ()),
    "one file": Scenario(OTHER | {"a.json": "old"}, OTHER | {"a.json": "new"}, ()),
    "recovery": Recovering(OTHER | OLD, OTHER | NEW, ("a.log",)),
}
