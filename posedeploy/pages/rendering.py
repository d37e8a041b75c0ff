"""Render HTML pages that need no other file, no script and no network."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from posedeploy.pages import formats, scatter
from posedeploy.printable import printable

FILTERS = (
    formats.milliseconds,
    formats.interval,
    formats.ratio,
    formats.error,
    formats.error_in_text,
    formats.percent,
    formats.file_size,
    formats.commands,
    formats.scientific,
    scatter.shorten,
)


def render(template: str, **values: Any) -> str:
    """Return the page of a template in ``templates/``; text in ``values`` is escaped."""
    return create_environment().get_template(template).render(values)


def create_environment() -> Environment:
    """Return the templates with their filters; text in values is escaped."""
    environment = Environment(
        loader=PackageLoader("posedeploy.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_show,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({each.__name__: each for each in FILTERS})
    return environment


def _show(value: Any) -> Any:
    """Return a value without characters that reorder text, as a file name may contain them."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
