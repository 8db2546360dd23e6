"""Health and metrics, for whoever watches over the installation."""

from coppermind_pipeline.interfaces.web.observability.endpoints import healthz, metrics

__all__ = ["healthz", "metrics"]
