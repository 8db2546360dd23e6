"""What is wrong with files to be loaded."""


class LoadError(ValueError):
    """A file can't be read as it should be; the message names file and row."""
