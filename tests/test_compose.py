from pathlib import Path

import pytest
import yaml

from webapp import config
from webapp.cli import VERBS

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("muster")}
OTHERS = {"redis", "postgres"}


def test_it_has_each_process_of_a_fleet():
    assert set(OURS) == {"migrate", "web", "worker", "scheduler", "caretaker", "wake"}
    assert set(SERVICES) == set(OURS) | OTHERS


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_reaps_its_orphans_and_comes_back(name):
    assert SERVICES[name]["init"] is True
    assert SERVICES[name]["restart"] == ("on-failure" if name == "migrate" else "unless-stopped")


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_verb_of_the_command(name):
    assert OURS[name]["command"] == [name] and name in VERBS


@pytest.mark.parametrize("name", OURS)
def test_its_environment_names_settings_that_exist(name):
    known = {field.metadata["env"] for field in config.settings_fields()}
    secret = {f"{field.metadata['env']}_FILE" for field in config.settings_fields() if field.metadata["secret"]}
    assert set(OURS[name]["environment"]) <= known | secret


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_are_files_that_the_service_is_given(name):
    service = SERVICES[name]
    for key, value in service["environment"].items() if "environment" in service else []:
        if key.endswith("_FILE"):
            assert value.removeprefix("/run/secrets/") in service["secrets"]
    assert all("file" in COMPOSE["secrets"][secret] for secret in service.get("secrets", []))


@pytest.mark.parametrize("name", ["web", *sorted(OTHERS)])
def test_what_others_wait_for_says_when_it_is_well(name):
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_stopping_leaves_time_to_finish(name):
    assert int(OURS[name]["stop_grace_period"].removesuffix("s")) >= 40


def test_the_broker_forgets_nothing_by_itself():
    command = " ".join(SERVICES["redis"]["command"])
    assert "--maxmemory-policy noeviction" in command and "--appendonly yes" in command


def test_the_image_holds_what_the_lock_names_and_is_not_root():
    lines = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes" in lines and "requirements.lock" in lines
    assert "\nUSER muster\n" in lines
    for line in lines.splitlines():
        if line.startswith("COPY "):
            assert all((ROOT / part).exists() for part in line.split()[1:-1]), line
