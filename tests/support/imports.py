"""All imports of the modules of posedeploy, read from their source."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "posedeploy"


@dataclass(frozen=True)
class Import:
    """One import: the importing module, the imported name, and whether it is at the top of the module."""

    importer: str
    name: str
    at_top: bool

    def within(self, places: set[str]) -> bool:
        """Return whether the importing module is in one of these packages, or is one of these modules."""
        return is_within(self.importer, places)


def is_within(module: str, places: set[str]) -> bool:
    """Return whether the module is in one of these packages, or is one of these modules."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def _imports_of(path: Path) -> list[Import]:
    importer = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found += [Import(importer, name, node in tree.body) for name in names]
    return found


IMPORTS = [found for path in sorted(PACKAGE.rglob("*.py")) for found in _imports_of(path)]
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")}
OURS = [found for found in IMPORTS if found.name.partition(".")[0] == "posedeploy"]
