import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from webapp import config
from webapp.config import ConfigError, load, read_key, shown


def test_defaults_live_in_the_data_folder():
    settings = load({"MUSTER_DATA": "/srv/muster"})
    assert settings.database_url == "sqlite:////srv/muster/muster.db"
    assert settings.redis_url == "unix:///srv/muster/broker/v.sock"
    assert settings.signing_key_file == Path("/srv/muster/keys/signing.key")
    assert settings.embedded_broker and settings.sqlite and settings.loopback and settings.runs_agent


def test_a_relative_data_folder_becomes_absolute():
    assert load({}).data == Path.cwd() / "var"


def test_convention_names_are_read():
    settings = load({"DATABASE_URL": "postgresql://db/muster", "REDIS_URL": "redis://r", "PORT": "9000"})
    assert (settings.database_url, settings.redis_url, settings.port) == ("postgresql://db/muster", "redis://r", 9000)
    assert not settings.embedded_broker and not settings.sqlite


def test_the_prefixed_name_wins_over_the_convention():
    settings = load({"PORT": "9000", "MUSTER_PORT": "9001"})
    assert (settings.port, settings.origin("port")) == (9001, "MUSTER_PORT")


def test_an_empty_variable_counts_as_not_set():
    assert load({"PORT": ""}).port == 8080


def test_the_wake_port_and_the_address_follow_the_port():
    settings = load({"PORT": "9000", "MUSTER_HOST": "::"})
    assert (settings.wake_port, settings.url) == (9001, "http://[::1]:9000")


def test_origins_are_told():
    settings = load({"MUSTER_DEMO": "yes"})
    assert settings.demo is True
    assert (settings.origin("demo"), settings.origin("port")) == ("MUSTER_DEMO", "default")


@pytest.mark.parametrize("field", [f for f in config.settings_fields() if f.metadata["secret"]], ids=lambda f: f.name)
def test_every_secret_may_stand_in_a_file(field, tmp_path):
    file = tmp_path / "secret"
    file.write_text("sqlite:///hush\n")
    name = f"{field.metadata['env']}_FILE"
    settings = load({name: str(file)})
    assert getattr(settings, field.name) == "sqlite:///hush"
    assert settings.origin(field.name) == name


def test_secrets_are_neither_in_the_repr_nor_shown():
    settings = load({"SECRET_KEY": "hush", "MUSTER_TOKEN": "hush", "DATABASE_URL": "postgresql://u:hush@db/m"})
    assert "hush" not in repr(settings)
    assert not any("hush" in shown(settings, f.name) for f in config.settings_fields())
    assert shown(settings, "database_url") == "postgresql://u:•••@db/m"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"PORT": "web"}, "PORT: 'web' is not a whole number between 1 and 65535"),
        ({"PORT": "70000"}, "PORT: '70000' is not a whole number between 1 and 65535"),
        ({"MUSTER_WEB_THREADS": "0"}, "MUSTER_WEB_THREADS: '0' is not a whole number of at least 1"),
        ({"MUSTER_SERVER": "apache"}, "MUSTER_SERVER: 'apache' is none of granian, gunicorn"),
        ({"MUSTER_MAX_UPLOAD": "big"}, "MUSTER_MAX_UPLOAD: 'big' is not a whole number of at least 1"),
        ({"SECRET_KEY_FILE": "/nowhere"}, "SECRET_KEY_FILE: cannot read /nowhere: No such file or directory"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_in_one_line(env, message):
    with pytest.raises(ConfigError, match="^" + message.replace("'", ".") + "$"):
        load(env)


def test_sizes_lists_and_choices():
    settings = load(
        {
            "MUSTER_MAX_UPLOAD": "2G",
            "MUSTER_TRUSTED_HOSTS": "a.example, b.example",
            "MUSTER_SQLITE_SYNCHRONOUS": "normal",
        }
    )
    assert settings.max_upload == 2 * 2**30
    assert settings.trusted_hosts == ("a.example", "b.example")
    assert settings.sqlite_synchronous == "NORMAL"


def test_the_agent_runs_beside_the_server_only_where_nobody_else_reaches_it():
    assert not load({"MUSTER_HOST": "0.0.0.0"}).runs_agent
    assert load({"MUSTER_HOST": "0.0.0.0", "MUSTER_EMBEDDED_AGENT": "yes"}).runs_agent
    assert not load({"MUSTER_EMBEDDED_AGENT": "no"}).runs_agent


def test_loading_touches_nothing(tmp_path):
    load({"MUSTER_DATA": str(tmp_path / "var")})
    assert not (tmp_path / "var").exists()


def test_a_key_is_made_once_and_for_the_owner_only(tmp_path):
    path = tmp_path / "keys" / "secrets.key"
    key = read_key(path)
    assert len(key) == 32 and read_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["secrets.key"]


def test_processes_that_start_together_share_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(read_key, [tmp_path / "secret.key"] * 8))) == 1


def test_a_file_that_holds_no_key_is_told(tmp_path):
    (tmp_path / "secrets.key").write_text("aGVsbG8=")
    with pytest.raises(ConfigError, match="holds no key"):
        read_key(tmp_path / "secrets.key")


def test_the_secret_key_comes_from_its_setting_or_from_a_file(tmp_path):
    assert load({"SECRET_KEY": "given"}).secret_key == "given"
    settings = load({"MUSTER_DATA": str(tmp_path)})
    assert settings.secret_key == load({"MUSTER_DATA": str(tmp_path)}).secret_key
    assert (tmp_path / "keys" / "secret.key").exists()


def test_a_deep_data_folder_gets_a_socket_elsewhere():
    deep = Path("/srv") / ("deep" * 30)
    assert len(str(config.broker_socket(deep))) <= 103
    assert config.broker_socket(deep) == config.broker_socket(deep) != config.broker_socket(deep / "more")


@pytest.mark.parametrize("field", config.settings_fields(), ids=lambda f: f.name)
def test_every_setting_says_what_it_is_for(field):
    assert field.metadata["help"].endswith(".") and field.metadata["env"].isupper()
