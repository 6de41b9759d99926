"""Every shape of the oracle as a plain Airflow DAG."""

from __future__ import annotations

from tests.system.oracle.plain import Oracle
from tests.system.oracle.twins import dags

globals().update(dags(Oracle()))
