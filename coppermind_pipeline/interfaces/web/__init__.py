"""The web service: HubSpot's OAuth callback, minds at a glance, connectors, reports, health and metrics."""

from coppermind_pipeline.interfaces.web.app import create_app
from coppermind_pipeline.interfaces.web.serving import WebService, listening_port, web_service_answers
from coppermind_pipeline.interfaces.web.sign_in import make_sign_in_link

__all__ = ["WebService", "create_app", "listening_port", "make_sign_in_link", "web_service_answers"]
