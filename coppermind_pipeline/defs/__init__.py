"""Dagster: assets, partitions, sensors, checks, jobs, and the ways to run them. What each does is in the rooms below.

A body calls functions of those rooms and shows what they return: no statement, no loop and no decision is here. What
all assets have, or a group of them, is given at the end of `assets`, once.
"""

import warnings

import dagster as dg

# Checks by partition are a preview in this version of Dagster, references to code a beta, and it says so at each start.
for known in (dg.PreviewWarning, dg.BetaWarning):
    warnings.filterwarnings("ignore", category=known)
