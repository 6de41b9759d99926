"""What a flow asks for, done in a triggerer's event loop with the session that others use too."""

from __future__ import annotations

from typing import Any

from airflow_provider_batch.domain.flow import Effect, Shared
from airflow_provider_batch.triggers.effects import TriggerEffects
from airflow_provider_batch.triggers.shared_account import SharedAccount

__all__ = ["AccountEffects"]


class AccountEffects:
    """
    Performs the effects of a flow; shared reads are shared with all triggers of the account.

    :param account: the account.
    :param log: the Airflow task log.
    """

    def __init__(self, account: SharedAccount, log: Any) -> None:
        self._account = account
        self._alone = TriggerEffects(account, log, _keep_nothing)

    async def __call__(self, effect: Effect) -> Any:
        """
        Perform one effect.

        :param effect: what the flow asks for.
        :return: its result.
        """
        if isinstance(effect, Shared):
            return await self._account.read(effect.request, effect.max_age)
        return await self._alone(effect)


async def _keep_nothing(_state: dict[str, Any]) -> None:
    """A look keeps nothing."""
