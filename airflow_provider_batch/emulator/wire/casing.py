"""
The capitals that recordings of the service up to 2024-02-01 show, and the 2025-06-01 examples do not.

Source: reference of the service, section 1.5.
"""

from __future__ import annotations

from typing import Any

_CAPITALS = {
    "nodeFillType": ("Spread", "Pack"),
    "policy": ("Zonal", "Regional"),
    "uploadCondition": ("TaskSuccess", "TaskFailure", "TaskCompletion"),
    "category": ("UserError", "ServerError"),
    "status": ("Success", "ClientError", "ServerError"),
}
_WORDS = {(name, word.lower()): word for name, words in _CAPITALS.items() for word in words}


def with_capitals(body: Any) -> Any:
    """Return a JSON body with those words in their recorded form."""
    if isinstance(body, list):
        return [with_capitals(element) for element in body]
    if not isinstance(body, dict):
        return body
    return {
        name: _WORDS.get((name, value), value) if isinstance(value, str) else with_capitals(value)
        for name, value in body.items()
    }
