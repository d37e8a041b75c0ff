"""Scripts that run in an isolated environment's Python. They import nothing of posedeploy, which imports none
of them."""
