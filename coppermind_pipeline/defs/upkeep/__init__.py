"""Upkeep of the installation itself: what is too old for anybody to ask for is removed, day by day."""
