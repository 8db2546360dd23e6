"""How the command line shows what the tools answer."""
