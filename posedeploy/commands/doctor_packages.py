"""Which optional packages are here, and what is told of those that are not."""

from __future__ import annotations

from functools import cache

from posedeploy import plugins
from posedeploy.errors import MissingPackageError


@cache
def versions() -> dict[str, str]:
    """The optional packages that are installed here."""
    found = {package: plugins.version_of(package) for package in plugins.EXTRAS_OF_PACKAGE}
    return {package: version for package, version in found.items() if version is not None}


def missing(*packages: str) -> list[str]:
    """Those of these packages that are not installed."""
    return [package for package in packages if package not in versions()]


def install(packages: list[str]) -> str:
    """That packages are missing, and on a line of its own the command that installs them."""
    extras = dict.fromkeys(plugins.EXTRAS_OF_PACKAGE[package][0] for package in packages)
    brought = set().union(*(plugins.INCLUDED_EXTRAS.get(extra, set()) for extra in extras))
    wanted = ",".join(extra for extra in extras if extra not in brought)
    return f"{', '.join(packages)} not installed:\npip install 'posedeploy[{wanted}]'"


def copyable(error: MissingPackageError) -> str:
    """The message, its command on a line of its own."""
    return f"{error.what}:\n{error.command}" if error.command else str(error)
