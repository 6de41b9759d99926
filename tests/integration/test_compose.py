"""``docker-compose.yaml`` as a file; ``tests/system/test_compose_services.py`` starts its services."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from airflow_provider_batch.client.account import SharedKey
from airflow_provider_batch.hooks.batch import AzureBatchHook
from demo.airflow_services import MAJOR

PROJECT = Path(__file__).resolve().parents[2]
FILE = PROJECT / "docker-compose.yaml"
SERVICES: Mapping[str, Mapping[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
AIRFLOW = {
    name: service for name, service in SERVICES.items() if service.get("command", [""])[0] == "airflow"
}

pytestmark = pytest.mark.skipif(MAJOR < 3, reason="the composition runs Airflow 3")


@pytest.fixture(autouse=True)
def connection() -> None:
    """The composition starts its own."""


def interpolated(text: str) -> str:
    """Fill variables with their defaults, as compose does where they are not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_the_file_conforms_to_the_compose_specification() -> None:
    check = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_every_service_that_stays_up_has_a_health_check() -> None:
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == ["airflow-init"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_exists_and_can_come_true(name: str) -> None:
    for needed, need in SERVICES[name].get("depends_on", {}).items():
        stays_up = "healthcheck" in SERVICES[needed]
        assert need["condition"] == ("service_healthy" if stays_up else "service_completed_successfully")


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_volumes_are_declared_or_folders_of_the_project() -> None:
    declared = yaml.safe_load(FILE.read_text())["volumes"]
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in declared or (source.startswith("./") and (PROJECT / source).is_dir()), source


@pytest.mark.parametrize("name", AIRFLOW)
def test_airflow_understands_the_command_and_the_health_check(name: str) -> None:
    from airflow.cli.cli_parser import get_parser

    commands = [AIRFLOW[name]["command"]]
    check = AIRFLOW[name].get("healthcheck", {}).get("test", [])
    if check[1:2] == ["airflow"]:
        commands.append(check[1:])
    for command in commands:
        assert get_parser().parse_args(command[1:]).func is not None


def test_airflow_understands_the_options_that_the_environment_sets() -> None:
    from airflow.configuration import conf

    for variable in SERVICES["airflow-scheduler"]["environment"]:
        if option := re.fullmatch(r"AIRFLOW__(\w+?)__(\w+)", variable):
            section, key = option[1].lower(), option[2].lower()
            assert key in conf.configuration_description.get(section, {}).get("options", {}), variable


def test_the_connection_leads_to_the_emulator_with_the_key_that_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variable = "AIRFLOW_CONN_AZURE_BATCH_ACCOUNT_DEFAULT"
    monkeypatch.setenv(variable, interpolated(SERVICES["airflow-scheduler"]["environment"][variable]))
    account = AzureBatchHook().connection.account

    emulator = [interpolated(argument) for argument in SERVICES["batch-emulator"]["command"]]
    assert account.account_url == "http://batch-emulator:10010"
    assert "--allowed-host=batch-emulator" in emulator
    assert "--port=10010" in emulator
    assert isinstance(account.credential, SharedKey)
    assert f"--account-key={account.credential.account_key}" in emulator


def test_what_airflow_stores_encrypted_outlives_the_containers() -> None:
    for service in AIRFLOW.values():
        Fernet(interpolated(service["environment"]["AIRFLOW__CORE__FERNET_KEY"]))
