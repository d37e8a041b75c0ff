"""``python -m posedeploy``."""

from posedeploy.cli import main

main()
