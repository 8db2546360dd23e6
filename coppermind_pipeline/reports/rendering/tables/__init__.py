"""The tables of a report: what they are made of, and which ones there are."""

from coppermind_pipeline.reports.rendering.tables.cells import NOTHING, Cell, Line, Table
from coppermind_pipeline.reports.rendering.tables.of_report import SUMMARY_TABLES, groups_title, tables

__all__ = ["NOTHING", "SUMMARY_TABLES", "Cell", "Line", "Table", "groups_title", "tables"]
