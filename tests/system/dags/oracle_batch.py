"""Every shape of the oracle as an Airflow DAG whose groups are Batch jobs."""

from __future__ import annotations

from tests.system.oracle.grouped import Batch
from tests.system.oracle.twins import dags

globals().update(dags(Batch()))
