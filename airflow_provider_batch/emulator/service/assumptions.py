"""The switches for open questions about the service: read them, turn one."""

from __future__ import annotations

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.model.assumptions import EnumCase
from airflow_provider_batch.emulator.wire.fields import Json


class AssumptionSwitches:
    """Everything that ``/_emulator/assumptions`` does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def capital_words(self) -> bool:
        """Whether a few words of the answers are to have capitals."""
        return self._engine.assumptions.enum_case is EnumCase.CAPITAL

    def list(self) -> Json:
        """Every open question with its present answer."""
        return {"assumptions": self._engine.assumptions.listed()}

    def set(self, name: str, body: object) -> None:
        """
        Answer one question otherwise.

        :param body: ``{"value": "..."}``.
        :raises ServiceError: ``ResourceNotFound`` for an unknown name, ``InvalidPropertyValue`` for an answer
            that is not possible, ``MissingRequiredProperty``.
        """
        value = body.get("value") if isinstance(body, dict) else None
        if not isinstance(value, str):
            raise errors.missing_required_property("value")
        try:
            self._engine.assume(name, value)
        except KeyError:
            raise errors.resource_not_found() from None
        except ValueError as error:
            raise errors.invalid_property_value("value", value, str(error)) from None
