"""Takes a PyTorch human-pose checkpoint to any runtime and proves that the poses are still the same."""

__version__ = "0.1.0"
