"""``posedeploy parity``: whether artifacts give what PyTorch gives."""

from __future__ import annotations

from pathlib import Path

from posedeploy.benchmarks.parity import Parity
from posedeploy.commands.parity_comparison import ParityOptions, against_pytorch
from posedeploy.commands.parity_document import document
from posedeploy.commands.parity_tables import noise_lines, parity_heading, parity_table, poses_line
from posedeploy.console.load_model import ModelArgs, open_described
from posedeploy.console.output import check_json, fail, out, write_json
from posedeploy.console.tables import integers_line
from posedeploy.errors import DeviceError, InputError, MissingPackageError
from posedeploy.types import RunOptions


def run(
    paths: list[Path], options: RunOptions, settings: ParityOptions, described: ModelArgs, json: Path | None
) -> bool:
    """Compare every artifact, show the tables; whether all are the same as PyTorch."""
    check_tolerances(settings)
    check_json(json)
    artifacts = [open_described(path, described) for path in paths]  # a missing one is reported at once
    results, refused = [], 0
    for artifact in artifacts:
        try:
            results.append(against_pytorch(artifact, options, settings, described))
        except (DeviceError, MissingPackageError) as error:
            if len(paths) == 1:
                raise
            refused += 1  # nothing is proven of it; the others are compared all the same
            fail(str(error))
    for result in results:
        _show(result)
    if json is not None:
        write_json(json, document(results))
    return not refused and all(result.passed for result in results)


def check_tolerances(settings: ParityOptions) -> None:
    """Refuse tolerances that are not numbers of at least 0.

    Raises:
        InputError: as it says.
    """
    options = {"max-relative": settings.rtol, "max-px": settings.px, "max-mm": settings.mm}
    for name, value in options.items():
        if value is not None and not value >= 0:
            raise InputError(f"--{name} {value:g}: a tolerance is a number of at least 0")


def _show(result: Parity) -> None:
    out.print(parity_heading(result), soft_wrap=True)
    if line := integers_line(result):
        out.print(line, markup=False, soft_wrap=True)
    out.print(parity_table(result))
    for line in (poses_line(result), *noise_lines(result)):
        out.print(line, markup=False)
    out.print()
    for failure in result.failures:
        fail(f"{result.label}: {failure}")
