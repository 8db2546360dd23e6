"""`make demo` and `make demo-ui`."""
