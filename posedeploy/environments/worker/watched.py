"""Runs a program that does not look after whoever asked for it, and ends with it when that one is gone.

``python -I watched.py PROGRAM ...``, its standard input a pipe that the asker holds open.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
import threading
from pathlib import Path


def main() -> None:
    """Run the program to its end."""
    end = runpy.run_path(str(Path(__file__).with_name("harness.py")))["end_with_the_asker"]
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=end, args=(0,), daemon=True).start()
    sys.exit(process.wait())


if __name__ == "__main__":
    main()
