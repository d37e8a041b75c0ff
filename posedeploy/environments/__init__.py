"""Isolated environments for converters whose packages conflict with posedeploy's, and requests to them."""
