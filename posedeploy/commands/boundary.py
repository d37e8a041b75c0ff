"""The one place where the user's errors become one line and exit status 1; a bug keeps its traceback."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from posedeploy.commands.console import fail
from posedeploy.errors import PoseDeployError
from posedeploy.plugins import missing_package


class Boundary(TyperGroup):
    """The group that all commands run in."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command named."""
        try:
            return super().invoke(ctx)
        except PoseDeployError as error:
            fail(str(error))
        except KeyboardInterrupt:
            fail(
                "interrupted; files that were not finished are not there, and what stood before is as it was"
            )
        except MemoryError as error:
            fail(f"not enough memory: {error}")
        except ModuleNotFoundError as error:
            cause = missing_package(error)
            if cause is error:
                raise
            fail(str(cause))
        raise SystemExit(1)
