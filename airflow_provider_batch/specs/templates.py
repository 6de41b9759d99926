"""Values that are not known yet while a DAG is parsed."""

from __future__ import annotations

from typing import Any


def decided_later(value: Any) -> bool:
    """
    Say whether a value exists only at run time: a Jinja template, or an Airflow reference such as an XCom.

    Such a value passes every check; the same checks are made again when it has been rendered.

    :param value: any value of a specification.
    """
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    # Airflow's references share these two methods; Airflow itself is not imported here.
    return callable(getattr(value, "iter_references", None)) and callable(getattr(value, "resolve", None))
