"""What both README commands install is known file by file: each needed package is pinned, each pin has hashes."""

import configparser
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PROJECT = Path(__file__).parents[1]


def needed() -> list[Requirement]:
    metadata = configparser.ConfigParser()
    metadata.read(_PROJECT / "setup.cfg")
    build = tomllib.loads((_PROJECT / "pyproject.toml").read_text())["build-system"]["requires"]
    runs = metadata["options"]["install_requires"].split("\n")
    extras = "\n".join(metadata["options.extras_require"].values()).split("\n")
    return [Requirement(line) for line in [*build, *runs, *extras] if line]


def pins() -> dict[str, tuple[Requirement, list[str]]]:
    """Return each package's pin and the hashes of its files."""
    by_name = {}
    lines = (_PROJECT / "constraints.txt").read_text().replace("\\\n", "").splitlines()
    for line in lines:
        if not line.startswith("#"):
            pin, *hashes = re.split(r"\s+--hash=sha256:", line)
            requirement = Requirement(pin)
            by_name[canonicalize_name(requirement.name)] = (requirement, hashes)
    return by_name


@pytest.mark.parametrize("requirement", needed(), ids=lambda requirement: requirement.name)
def test_each_needed_package_is_pinned_within_its_range(requirement: Requirement):
    pin, _ = pins()[canonicalize_name(requirement.name)]
    [exact] = pin.specifier
    assert exact.operator == "=="
    assert requirement.specifier.contains(exact.version)


def test_each_pin_has_the_hashes_of_its_files():
    without = [name for name, (_, hashes) in pins().items() if not hashes]
    assert without == []
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for _, hashes in pins().values() for digest in hashes)


def test_the_pins_name_no_place_to_fetch_from():
    text = (_PROJECT / "constraints.txt").read_text()
    assert "://" not in text
    assert "index-url" not in text


def test_nothing_is_installed_without_its_hash():
    """Each pip command that fills the environment checks hashes, or builds this project alone."""
    installs = re.findall(r"^\t\$\(BIN\)/pip install .*$", (_PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "-r constraints.txt" in installs[0]
    assert "--no-deps" in installs[1]
    assert "--no-build-isolation" in installs[1]
