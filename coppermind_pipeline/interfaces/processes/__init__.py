"""What keeps other things running: child processes and servers, started, watched, started again, and ended in time."""

from coppermind_pipeline.interfaces.processes.children import Child, PortTaken, Processes, free_port, port_answers
from coppermind_pipeline.interfaces.processes.restarts import ProcessEnded, Restarts
from coppermind_pipeline.interfaces.processes.serving import LoopbackService

__all__ = [
    "Child",
    "LoopbackService",
    "PortTaken",
    "ProcessEnded",
    "Processes",
    "Restarts",
    "free_port",
    "port_answers",
]
