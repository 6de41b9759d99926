"""An emulator in a process of its own; see ``airflow_provider_batch.emulator.testing``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_provider_batch.emulator import DEFAULT_ACCOUNT_KEY as ACCOUNT_KEY
from airflow_provider_batch.emulator import DEFAULT_ACCOUNT_NAME as ACCOUNT_NAME
from airflow_provider_batch.emulator.testing import EmulatorProcess

__all__ = ["ACCOUNT_KEY", "ACCOUNT_NAME", "EmulatorProcess", "emulator_processes"]


def emulator_processes(root: Path, **options: Any) -> Iterator[EmulatorProcess]:
    """The body of a pytest fixture: ``yield from emulator_processes(tmp_path)``."""
    with EmulatorProcess.start(root, **options) as emulator:
        yield emulator
