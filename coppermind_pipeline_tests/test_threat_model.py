"""The threat model names each secret that there is, so that a new one is thought about."""

from pathlib import Path

import pytest

from coppermind_pipeline.connectors.oauth import keys
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store.roles import passwords

_PROJECT = Path(__file__).parents[1]
_SECRET_SETTINGS = [
    f"COPPERMIND_{name.upper()}"
    for name, field in Settings.model_fields.items()
    if "SecretStr" in str(field.annotation)
]


@pytest.mark.parametrize("secret", [*_SECRET_SETTINGS, keys.KEY_FILE, passwords.KEY_FILE])
def test_the_threat_model_says_what_each_secret_opens(secret: str):
    threat_model = (_PROJECT / "docs/threat-model.md").read_text()
    secrets = threat_model.partition("## What each secret opens")[2].partition("\n## ")[0]
    assert f"`{secret}`" in secrets


def test_whoever_finds_a_fault_is_led_to_the_threat_model():
    assert "docs/threat-model.md" in (_PROJECT / "SECURITY.md").read_text()
