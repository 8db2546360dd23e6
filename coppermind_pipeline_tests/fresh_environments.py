"""Python environments in which this project is not installed; the packages that it needs are those of this one."""

import os
import sys
import sysconfig
import venv
from pathlib import Path

PROJECT = Path(__file__).parents[1]

# By this the session's end finds what it started.
_KEPT = ("COPPERMIND_TEST_SESSION", "TMPDIR")


class FreshEnvironment:
    """A virtual environment, and nothing set for what runs in it but where programs are."""

    def __init__(self, directory: Path) -> None:
        venv.create(directory, with_pip=False)
        self.bin = directory / "bin"
        self.python = self.bin / "python"
        self.packages = Path(sysconfig.get_path("purelib", vars={"base": str(directory)}))
        self.add_packages(Path(sysconfig.get_path("purelib")))

    def add_packages(self, directory: Path) -> None:
        """Let the environment find what lies in a directory, behind what it has; nothing there runs by itself."""
        with (self.packages / "others.pth").open("a") as paths:
            paths.write(f"{directory}\n")

    def add_program(self, name: str) -> None:
        """Give it a program of this environment's, to be run by its own Python."""
        _, _, body = Path(sys.executable).with_name(name).read_text().partition("\n")
        (self.bin / name).write_text(f"#!{self.python}\n{body}")
        (self.bin / name).chmod(0o755)

    def variables(self, home: Path) -> dict[str, str]:
        """Return what a program in it is started with: all that a fresh login has."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {"HOME": str(home), "PATH": f"{self.bin}:/usr/bin:/bin", **kept}
