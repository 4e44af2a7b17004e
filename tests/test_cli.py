import json

import pytest
from click.testing import CliRunner

from webapp import cli, config
from webapp.commands import exits
from workers import broker


@pytest.fixture
def muster(tmp_path):
    def call(*words, **env):
        own = {field.metadata["env"]: None for field in config.settings_fields()}
        return CliRunner().invoke(cli.muster, words, env={**own, "MUSTER_DATA": str(tmp_path / "var"), **env})

    return call


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_exists_and_says_what_it_does(muster, verb):
    answer = muster(verb, "--help")
    assert answer.exit_code == exits.OK and answer.output.lower().startswith("usage: muster")


def test_help_has_every_verb_under_a_heading(muster):
    lines = muster("--help").output.splitlines()
    for title, verbs in cli.SECTIONS.items():
        assert f"{title}:" in lines
        assert all(any(line.startswith(f"  {verb} ") for line in lines) for verb in verbs)
    assert not any(line.strip().startswith("local-agent") for line in lines)


def test_an_unknown_verb_is_a_usage_error(muster):
    assert muster("dance").exit_code == exits.USAGE


def test_version(muster):
    assert muster("version").output == muster("--version").output == f"muster {config.VERSION}\n"


def test_config_prints_value_and_origin_and_hides_secrets(muster):
    answer = muster("config", PORT="9000", SECRET_KEY="hush")
    rows = {line.split()[0]: line.split()[1:] for line in answer.output.splitlines()}
    assert rows["PORT"] == ["9000", "PORT"]
    assert rows["MUSTER_HOST"] == ["127.0.0.1", "default"]
    assert rows["SECRET_KEY"] == ["•••", "SECRET_KEY"] and "hush" not in answer.output


def test_config_as_json_for_programs(muster):
    rows = json.loads(muster("config", "--json", PORT="9000").output)
    assert {"name": "PORT", "value": "9000", "origin": "PORT"}.items() <= next(
        row for row in rows if row["name"] == "PORT"
    ).items()
    assert len(rows) == len(config.settings_fields())


def test_config_explains_each_setting(muster):
    text = muster("config", "--explain").output
    assert all(field.metadata["help"] in text for field in config.settings_fields())


def test_doctor_finds_nothing_to_serve_and_says_what_to_do(muster, tmp_path):
    answer = muster("doctor")
    assert answer.exit_code == exits.FAILED
    assert "✕ broker" in answer.output and "`muster up` starts it." in answer.output
    assert not (tmp_path / "var").exists()


def test_doctor_sees_the_broker_and_a_key_that_others_can_read(muster, tmp_path):
    with broker.running(tmp_path / "var"):
        config.read_key(tmp_path / "var" / "keys" / "secrets.key").hex()
        (tmp_path / "var" / "keys" / "secrets.key").chmod(0o644)
        lines = muster("doctor").output.splitlines()
    assert any(line.startswith("✓ broker") and line.endswith("noeviction") for line in lines)
    assert any(line.startswith("✕ keys") for line in lines)


def test_doctor_tells_of_a_database_that_does_not_answer(muster):
    answer = muster("doctor", DATABASE_URL="postgresql://muster:hush@127.0.0.1:1/muster")
    assert "✕ database" in answer.output and "hush" not in answer.output
