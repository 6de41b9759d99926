"""The Airflow that tests import has a folder of its own; set before anything imports it."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from importlib import import_module
from importlib.metadata import version

import pytest

_HOME = tempfile.mkdtemp(prefix="airflow-of-tests-")
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
if version("apache-airflow").startswith("2."):
    # Warnings fail tests, and Airflow 2 warns of itself and of its libraries while it is imported. Its models
    # must be imported together, as its own commands do.
    os.environ["AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY"] = "True"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("airflow.models").import_all_models()
        import_module("flask_appbuilder.fieldwidgets")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)
