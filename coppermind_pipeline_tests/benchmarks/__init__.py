"""Benchmarks: ratios and counts, each printed as one line of JSON by `make bench`."""
