"""Dagster: assets, partitions, sensors, checks, jobs. Thin: each body calls one function of the rooms below."""

import warnings

import dagster as dg

# Checks by partition are a preview in this version of Dagster, which says so at each start; we know.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
