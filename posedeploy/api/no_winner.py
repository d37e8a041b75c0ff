"""Why a search has no winner, and the texts for the errors of its candidates."""

from __future__ import annotations

import math

from posedeploy.api.tuning_report import TuningReport
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.pose_comparison import PoseComparison


def explain_no_winner(report: TuningReport) -> str:
    """Return why there is no winner, and what to do."""
    best, is_unfinished = report.most_accurate, bool(report.with_status("not tried"))
    if best is None or best.error is None:
        if is_unfinished:
            return f"no candidate was measured within the time limit; {describe_retry(report)} to continue"
        failed = report.with_status("failed")[0]
        return f"no candidate can run: {failed.label}: {failed.reason}"
    if report.not_compared is not None:
        return (
            f"{report.not_compared} was not compared with PyTorch within the time limit; "
            f"{describe_retry(report)} to continue"
        )
    if best.status == "not tried" and best.error.is_within:
        return f"{best.label} was not timed within the time limit; {describe_retry(report)} to continue"
    poses = best.error.poses
    reached = (
        f"{describe_error(poses, report.budget)}, {describe_unmatched(poses)} unmatched keypoints: "
        f"{describe_share(best.error.value)} of the budget"
    )
    if best.label in report.failed_parity:
        reached += f"; but its parity failed: {report.failed_parity[best.label]}"
    rest = f"{describe_retry(report)} to try the remaining candidates, " if is_unfinished else ""
    return (
        f"no candidate meets the budget ({report.budget}); the smallest error is that of {best.label} "
        f"({reached}); {rest}raise the budget, or pass other images with `images`"
    )


def describe_retry(report: TuningReport) -> str:
    """Return how to continue a search after the time limit."""
    return "search again with the same settings" if report.has_progressed else "use a longer time limit"


def describe_error(poses: PoseComparison, budget: Budget) -> str:
    """Return the 95th percentile of the measure with the largest share of its limit: ``0.36 px``; '' if
    nothing with a limit was compared."""
    shares: dict[str, float] = {}
    for limit in budget.distances:
        if (summary := poses.summaries.get(limit.measure)) is not None:
            depth = " of depth" if limit.measure == "depth_mm" else ""
            shown = f"{summary.p95.value:.3g} {limit.unit}{depth}"
            shares[shown] = _share(summary.p95.value, limit.value)
    if budget.oks is not None and (summary := poses.summaries.get("oks")) is not None:
        shares[f"OKS {summary.p95.value:.3g}"] = _share(1 - summary.p95.value, 1 - budget.oks)
    return max(shares, key=lambda shown: shares[shown], default="")


def _share(value: float, limit: float) -> float:
    return value / limit if limit > 0 else math.inf if value > 0 else 0.0


def describe_unmatched(poses: PoseComparison) -> str:
    """Return the share of unmatched keypoints: ``1.5%``."""
    return f"{100 * poses.unmatched_share:.2g}%"


def describe_share(share: float) -> str:
    """Return a share of the budget: ``36%``."""
    if share >= 100:
        return ">9999%"
    return f"{100 * share:.3g}%" if share < 10 else f"{100 * share:.0f}%"
