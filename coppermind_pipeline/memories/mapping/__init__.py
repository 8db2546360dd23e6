"""Mapping: from records that changed to the queue of memories."""
