"""Certificates: comparisons with PyTorch in a file, with what is needed to repeat them."""
