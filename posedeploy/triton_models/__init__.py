"""Models of Triton's Python backend, which run on the server. Bundles import them."""
