"""What keeps other things running: child processes and servers, started, watched, started again, and ended in time."""

from coppermind_pipeline.interfaces.processes.children import Child, PortTaken, Processes, free_port, port_answers
from coppermind_pipeline.interfaces.processes.restarts import FIRST_STARTS_MAX, STARTS_MAX, ProcessEnded, Restarts
from coppermind_pipeline.interfaces.processes.serving import LoopbackService
from coppermind_pipeline.interfaces.processes.watch import Watch

__all__ = [
    "FIRST_STARTS_MAX",
    "STARTS_MAX",
    "Child",
    "LoopbackService",
    "PortTaken",
    "ProcessEnded",
    "Processes",
    "Restarts",
    "Watch",
    "free_port",
    "port_answers",
]
