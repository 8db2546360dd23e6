"""Each answer as an assistant reads it: one text that holds every figure, in the words that all other faces have too.

Where a room below writes an answer as markdown, that is the text; here it gets what an assistant goes on with.
"""

from coppermind_pipeline.interfaces.mcp.texts import connecting, memory
from coppermind_pipeline.interfaces.mcp.texts.readable import readable

__all__ = ["connecting", "memory", "readable"]
