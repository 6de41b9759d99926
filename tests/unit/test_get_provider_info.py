from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger

from airflow_provider_batch.get_provider_info import get_provider_info
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS

CONNECTION_TYPE = get_provider_info()["connection-types"][0]


def test_airflow_finds_the_metadata() -> None:
    (found,) = entry_points(group="apache_airflow_provider").select(
        value="airflow_provider_batch.get_provider_info:get_provider_info"
    )
    assert found.load() is get_provider_info


def test_metadata_obeys_airflows_schema() -> None:
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
    importlib.import_module("jsonschema").validate(get_provider_info(), schema)


def test_reading_the_metadata_imports_neither_airflow_nor_azure() -> None:
    code = (
        "import sys, airflow_provider_batch.get_provider_info as p; p.get_provider_info()\n"
        "sys.exit(any(name.split('.')[0] in {'azure', 'airflow'} for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", ["hooks", "operators", "triggers"])
def test_modules_that_are_named_exist(kind: str) -> None:
    for integration in get_provider_info()[kind]:
        for name in integration["python-modules"]:
            importlib.import_module(name)


@pytest.mark.parametrize(("kind", "base"), [("operators", BaseOperator), ("triggers", BaseTrigger)])
def test_every_operator_and_trigger_is_named(kind: str, base: type) -> None:
    package = importlib.import_module(f"airflow_provider_batch.{kind}")
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    defining = {
        module.__name__
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__
        and value.__name__.startswith("AzureBatch")  # what others derive from is not for DAGs
    }
    (integration,) = get_provider_info()[kind]
    assert set(integration["python-modules"]) == defining


@pytest.mark.parametrize("path", get_provider_info()["extra-links"])
def test_link_that_is_named_exists(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), name), type)


def test_connection_type_is_the_hooks() -> None:
    assert CONNECTION_TYPE["connection-type"] == AzureBatchHook.conn_type
    assert CONNECTION_TYPE["hook-name"] == AzureBatchHook.hook_name
    assert CONNECTION_TYPE["hook-class-name"] == f"{AzureBatchHook.__module__}.{AzureBatchHook.__name__}"
    assert AzureBatchHook.default_conn_name == f"{AzureBatchHook.conn_type}_default"


def test_secret_fields_are_shown_as_passwords() -> None:
    shown = {
        name
        for name, field in CONNECTION_TYPE["conn-fields"].items()
        if field["schema"].get("format") == "password"
    }
    assert shown == {"client_secret", "certificate_data"}


# In a process of its own: the manager is a singleton, and what it warns of must not depend on other tests.
_PROVIDERS_MANAGER = """
import json, logging, sys, warnings

class Records(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.WARNING:
            seen.append(record.getMessage())

seen = []
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from airflow.providers_manager import ProvidersManager
    logging.getLogger().addHandler(Records())
    logging.getLogger("airflow.providers_manager").addHandler(Records())
    manager = ProvidersManager()
    hook = manager.hooks["azure_batch_account"]
    result = {
        "hook": [hook.hook_class_name, hook.connection_id_attribute_name, hook.connection_testable],
        "fields": sorted(
            info.field_name
            for name, info in manager.connection_form_widgets.items()
            if name.startswith("extra__azure_batch_account__")
        ),
        "behaviour": manager.field_behaviours["azure_batch_account"],
        "links": sorted(n for n in manager.extra_links_class_names if n.startswith("airflow_provider_batch")),
    }
result["said"] = [text for text in [*seen, *(str(w.message) for w in caught)] if "batch" in text.lower()]
json.dump(result, open(sys.argv[1], "w"))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "PATH": str(Path(sys.executable).parent),
    }
    result = home / "result.json"
    subprocess.run(
        [sys.executable, "-c", _PROVIDERS_MANAGER, str(result)], env=environment, cwd=home, check=True
    )
    return json.loads(result.read_text())


def test_providers_manager_loads_the_hook(loaded: Any) -> None:
    assert loaded["hook"] == [
        "airflow_provider_batch.hooks.batch.AzureBatchHook",
        "azure_batch_conn_id",
        True,
    ]


def test_providers_manager_shows_every_field(loaded: Any) -> None:
    assert loaded["fields"] == sorted(CONNECTION_TYPE["conn-fields"])
    assert loaded["behaviour"]["relabeling"]["password"] == "Batch account key"


def test_providers_manager_knows_the_links(loaded: Any) -> None:
    assert loaded["links"] == sorted(get_provider_info()["extra-links"])


def test_providers_manager_warns_of_nothing_of_ours(loaded: Any) -> None:
    assert loaded["said"] == []


@pytest.mark.skipif(AIRFLOW_V_3_0_PLUS, reason="the form of Airflow 2")
def test_form_of_airflow_2_hides_secrets() -> None:
    widgets = AzureBatchHook.get_connection_form_widgets()
    kinds = {name: field.field_class.__name__ for name, field in widgets.items()}
    assert {name for name, kind in kinds.items() if kind == "PasswordField"} == {
        "client_secret",
        "certificate_data",
    }
