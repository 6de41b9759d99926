"""What happens to an account whose emulator ends and begins again on the same root directory."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_batch.emulator.machine.events import Event
from airflow_provider_batch.emulator.machine.settings import MachineSettings


@dataclass(frozen=True)
class EmulatorRestarted(Event):
    """No process lives any more, and nobody will report the ends."""


@dataclass(frozen=True)
class ChangeSettings(Event):
    """
    The emulator was started again with other settings.

    :param settings: of which the seed and the assumptions are not read: the account has its own.
    """

    settings: MachineSettings
