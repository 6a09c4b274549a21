"""Settings: arguments before environment, words for what is wrong."""

from __future__ import annotations

import dataclasses

import pytest

from engine.errors import InvalidRequestError
from studio.local_engine import listeners_of
from studio.settings import MEMORY, Settings


def test_argument_wins_over_environment_and_environment_over_default():
    environment = {"CONDUCTOR_STUDIO_PORT": "9000", "CONDUCTOR_STUDIO_HOST": "::1"}
    settings = Settings.read({"port": 9100, "host": None}, environment)
    assert (settings.port, settings.host, settings.db) == (9100, "::1", "")


@pytest.mark.parametrize(("text", "wanted"), [("no", False), ("TRUE", True), ("0", False)])
def test_yes_and_no_are_read_from_the_environment(text, wanted):
    assert Settings.read({}, {"CONDUCTOR_STUDIO_OPEN": text}).open is wanted


@pytest.mark.parametrize(
    ("name", "text"), [("PORT", "eighty"), ("PORT", "70000"), ("OPEN", "perhaps")]
)
def test_malformed_value_is_refused_by_name(name, text):
    with pytest.raises(InvalidRequestError, match=text):
        Settings.read({}, {f"CONDUCTOR_STUDIO_{name}": text})


def test_folder_of_the_database_is_made(tmp_path):
    wanted = tmp_path / "new" / "history.duckdb"
    assert Settings(db=str(wanted)).database() == str(wanted)
    assert wanted.parent.is_dir()
    assert Settings(db=MEMORY).database() == MEMORY


def test_every_setting_has_a_unit_and_a_sentence():
    for one in dataclasses.fields(Settings):
        assert one.metadata["unit"]
        assert one.metadata["sentence"].endswith(".")


def test_a_webhook_comes_from_options_and_its_secret_from_the_environment():
    environment = {"CONDUCTOR_STUDIO_WEBHOOK_SECRET": "s3cret"}
    given = {"webhook_url": "http://x/hook", "webhook_events": "workflow.*, task.failed"}
    (hook,) = listeners_of(Settings.read(given, environment))
    assert (hook.url, hook.secret) == ("http://x/hook", "s3cret")
    assert hook.events == ("workflow.*", "task.failed")
    assert "s3cret" not in repr(hook)
    assert listeners_of(Settings()) == []
