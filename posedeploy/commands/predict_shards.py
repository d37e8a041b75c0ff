"""``posedeploy predict --ray``: the shards of a job."""

from __future__ import annotations

from posedeploy.console.output import inform, out, warn
from posedeploy.printable import counted, printable
from posedeploy.scaling.ray_settings import ShardedPrediction

MAX_SHOWN = 8
"""Maximum number of problems and of remarks on the terminal."""


def show_shards(result: ShardedPrediction) -> None:
    """Show the numbers, files, remarks and problems of a job."""
    people, images = counted(result.people, "person", "people"), counted(result.images, "image")
    skipped = f", {counted(result.skipped, 'file')} skipped" if result.skipped else ""
    out.print(f"{people} in {images}{skipped}, {counted(len(result.shards), 'shard')}")
    for file in result.files:
        out.print(f"  {printable(str(file))}", markup=False, soft_wrap=True)
    if result.resumed_shards:
        inform(f"{counted(result.resumed_shards, 'shard')} finished by an earlier run")
    for show, messages, what in ((inform, result.remarks, "remarks"), (warn, result.problems, "problems")):
        for message in messages[:MAX_SHOWN]:
            show(message)
        if len(messages) > MAX_SHOWN:
            inform(
                f"and {len(messages) - MAX_SHOWN} more {what}; {result.files[0].name} contains all of them"
            )
