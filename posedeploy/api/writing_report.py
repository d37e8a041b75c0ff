"""One HTML page of the results of several commands."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from posedeploy import __version__, files, plugins
from posedeploy.api.joined_results import join_results
from posedeploy.api.report_charts import draw_group, precision_class
from posedeploy.api.report_warnings import list_warnings
from posedeploy.api.result_files import ResultSource, read_results
from posedeploy.argument_types import check_arguments
from posedeploy.backends import CHECKPOINT_SUFFIXES, is_named_like_model
from posedeploy.benchmarks import intervals, time_comparison, time_shifts
from posedeploy.errors import OutputError
from posedeploy.input_files import describe_special_file
from posedeploy.types import StrPath

logger = logging.getLogger(__name__)


@check_arguments
def report(results: ResultSource | Iterable[ResultSource], output: StrPath) -> Path:
    """Write one HTML page that joins the results of ``benchmark``, ``compare`` and ``tune``; return its path.

    The page needs no network. It shows latency against error, the intervals, the stages from image to poses,
    the precision that really ran, the verdicts and the machines. Models are joined by the hashes of their
    files, and by runtime, device and precision.

    Args:
        results: paths of JSON files, or the reports themselves; one or several.
        output: the path of the page. An existing file is replaced.

    Raises:
        InputError: there are no results, or one cannot be read, has another kind of content or is damaged.
        OutputError: the page cannot be written, or would replace one of the results.
        MissingPackageError: jinja2 is not installed.
    """
    render = plugins.load("posedeploy.pages.rendering:render")
    sources, remarks = read_results(results)
    path = Path(output)
    _check_output(path, [Path(source.name) for source in sources])
    joined = join_results(sources)
    warnings = [*remarks, *list_warnings(joined)]
    for warning in warnings:
        logger.warning(warning)
    page: str = render(
        "report.html",
        results=joined,
        groups=[draw_group(group) for group in joined.groups],
        warnings=warnings,
        precision_class=precision_class,
        confidence=intervals.CONFIDENCE,
        verdict_confidence=time_shifts.CONFIDENCE,
        dead_zone=time_comparison.DEAD_ZONE,
        release=__version__,
    )
    files.write_text(path, page)
    return path


def _check_output(path: Path, sources: Iterable[Path]) -> None:
    if is_named_like_model(path) or path.name.lower().endswith(CHECKPOINT_SUFFIXES):
        raise OutputError(
            f"`output={path}`: the name of a model or a checkpoint; pass a file for the HTML page"
        )
    if path.is_dir():
        raise OutputError(f"`output={path}`: a folder; pass a file for the HTML page")
    if path.exists() and (kind := describe_special_file(path.stat())) is not None:
        raise OutputError(f"`output={path}`: {kind}; pass a file for the HTML page")
    for source in sources:
        if path.exists() and source.exists() and path.samefile(source):
            raise OutputError(f"`output={path}`: one of the results; pass another file for the HTML page")
