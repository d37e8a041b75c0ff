"""The optional packages that are installed, and messages on missing ones."""

from __future__ import annotations

from functools import cache

from posedeploy import plugins
from posedeploy.errors import MissingPackageError


@cache
def list_versions() -> dict[str, str]:
    """Return the versions of the installed optional packages."""
    versions = {package: plugins.version_of(package) for package in plugins.EXTRAS_OF_PACKAGE}
    return {package: version for package, version in versions.items() if version is not None}


def list_missing(*packages: str) -> list[str]:
    """Return the packages that are not installed."""
    return [package for package in packages if package not in list_versions()]


def explain_missing(packages: list[str]) -> str:
    """Return the message on missing packages, with the command that installs them on its own line."""
    extras = dict.fromkeys(plugins.EXTRAS_OF_PACKAGE[package][0] for package in packages)
    included = set().union(*(plugins.INCLUDED_EXTRAS.get(extra, set()) for extra in extras))
    names = ",".join(extra for extra in extras if extra not in included)
    return f"{', '.join(packages)} not installed:\npip install 'posedeploy[{names}]'"


def format_error(error: MissingPackageError) -> str:
    """Return the message, with its command on its own line."""
    return f"{error.what}:\n{error.command}" if error.command else str(error)
