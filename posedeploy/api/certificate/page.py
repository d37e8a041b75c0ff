"""The page of a certificate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from posedeploy import __version__
from posedeploy.api.certificate.document import CertificateDocument
from posedeploy.api.certificate.pictures import InputPictures, draw_input
from posedeploy.api.parity_document import ParityRow
from posedeploy.api.parity_report import ParityReport
from posedeploy.benchmarks.parity import Parity
from posedeploy.pages.histogram import Histogram, draw_histogram
from posedeploy.pages.rendering import render

SHOWN = frozenset(
    {
        "label", "runtime_info", "model_sha256", "tolerance", "passed", "reference_precision", "noise_floor",
        "noise_floor_note", "failures", "outputs", "poses", "budget", "paired", "videos", "sensitivity",
        "stages",
    }
)  # fmt: skip
"""The fields of a result that a section of the page shows. The others are listed after the sections."""
HEADINGS: Mapping[str, tuple[str, str]] = {
    "px": ("Errors of keypoints", "px"),
    "joint_mm": ("Errors of 3D joints, relative to the root", "mm"),
    "vertex_mm": ("Errors of vertices", "mm"),
}
WIDE_PX, NARROW_PX, HEIGHT_PX = 860.0, 380.0, 230.0


@dataclass(frozen=True)
class SizedHistogram:
    """The histogram of a measure, for a wide and for a narrow page."""

    heading: str
    wide: Histogram
    narrow: Histogram


@dataclass(frozen=True)
class ResultView:
    """The part of the page about one artifact. more: the fields that no section shows."""

    row: ParityRow
    content: Mapping[str, Any]
    histograms: tuple[SizedHistogram, ...]
    inputs: tuple[InputPictures, ...]
    more: Mapping[str, Any]


def render_page(document: CertificateDocument, report: ParityReport, name: str, *, pictures: bool) -> str:
    """Return the HTML page of a certificate.

    Args:
        report: the comparison, for the pictures. name: of the JSON file. pictures: embed images.
    """
    views = [
        _build_view(content, document.histograms[number], result, pictures=pictures)
        for number, (content, result) in enumerate(
            zip(document.parity["results"], report.results, strict=True)
        )
    ]
    return render(
        "certificate.html",
        certificate=document,
        results=views,
        errors=document.parity["errors"],
        machine=report.machine,
        name=name,
        has_pictures=pictures,
        release=__version__,
    )


def _build_view(
    content: Mapping[str, Any], histograms: Mapping[str, Any], result: Parity, *, pictures: bool
) -> ResultView:
    shown = result.illustrations
    inputs = [draw_input(each, shown, with_image=pictures) for each in shown.inputs] if shown else []
    return ResultView(
        msgspec.convert(content, ParityRow),
        content,
        tuple(_draw_histograms(content, histograms)),
        tuple(inputs),
        {name: value for name, value in content.items() if name not in SHOWN and value not in (None, [], {})},
    )


def _draw_histograms(content: Mapping[str, Any], histograms: Mapping[str, Any]) -> Iterator[SizedHistogram]:
    limits = content["budget"] or {}
    for measure, counted in histograms.items():
        heading, unit = HEADINGS[measure]
        limit = limits.get(unit)
        sized = [
            draw_histogram(counted["edges"], counted["counts"], unit, width, HEIGHT_PX, limit)
            for width in (WIDE_PX, NARROW_PX)
        ]
        if sized[0] is not None and sized[1] is not None:
            yield SizedHistogram(heading, sized[0], sized[1])
