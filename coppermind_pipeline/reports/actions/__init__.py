"""What each action of the `memory` tool does; `reports/tool.py` lists them."""
