"""A report as text, page, file and chart."""
