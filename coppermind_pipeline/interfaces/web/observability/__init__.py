"""Health, metrics and the runbook, for whoever watches over the installation."""

from coppermind_pipeline.interfaces.web.observability.endpoints import healthz, metrics
from coppermind_pipeline.interfaces.web.observability.runbook_page import show_runbook

__all__ = ["healthz", "metrics", "show_runbook"]
