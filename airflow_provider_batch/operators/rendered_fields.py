"""
How the parts of a request body are kept in a templated field, where Airflow shows what was rendered.

Airflow's masker looks at no text that stands more than five levels deep in a field. Since 3.3 it finds names
like ``password`` at any depth; the signature in the URL of a blob it still does not. So what reaches deeper
moves up to the first level of its field, under its JSON pointer (RFC 6901), and leaves an empty object or
list in its place::

    {"jobManagerTask": {"id": "m", "outputFiles": []}, "/jobManagerTask/outputFiles": [...]}

Everything else stays where it stands. Templates are rendered there as anywhere in the field, and Batch gets
the body as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.hooks.secrets import mask_sas

__all__ = ["MASKED_LEVELS", "HidesSecrets", "hide_secrets", "shallow", "whole"]

#: levels of a field within which Airflow masks secrets (``SecretsMasker.MAX_RECURSION_DEPTH``)
MASKED_LEVELS = 5


class HidesSecrets:
    """An operator that hides the secrets of its fields when they are rendered; a base before Airflow's."""

    def _do_render_template_fields(self, parent: Any, *args: Any, **kwargs: Any) -> None:
        # Of a mapped task, Airflow calls this and not render_template_fields().
        super()._do_render_template_fields(parent, *args, **kwargs)  # type: ignore[misc]
        if parent is self:
            hide_secrets(self)


def hide_secrets(operator: Any) -> None:
    """
    Mask the secrets of an operator's templated fields, and keep the fields so that Airflow finds them.

    To be called when the operator is made, and again when its fields are rendered: see :class:`HidesSecrets`.

    :param operator: its fields are changed; :func:`whole` reads them.
    """
    fields = {name: getattr(operator, name, None) for name in operator.template_fields}
    mask_sas([whole(value) for value in fields.values()])
    for name, value in fields.items():
        if (kept := shallow(value)) is not value:
            setattr(operator, name, kept)


def shallow(value: Any) -> Any:
    """
    Move up what stands too deep to be masked. Safe to repeat.

    :param value: a body (REST JSON), or anything else, which is returned as it is.
    """
    if not isinstance(value, dict) or _height(value) <= MASKED_LEVELS:
        return value
    moved: dict[str, Any] = {}
    kept = _without_depth(whole(value), (), moved)
    return {**kept, **moved}


def whole(value: Any) -> Any:
    """
    Put back what :func:`shallow` moved; a value of which nothing was moved is returned as it is.

    :param value: what stands in a field.
    """
    if not isinstance(value, Mapping) or not any(_is_pointer(name) for name in value):
        return value
    body = {name: _copy(part) for name, part in value.items() if not _is_pointer(name)}
    for pointer, part in value.items():
        if _is_pointer(pointer) and not _put_back(body, pointer, _copy(part)):
            body[pointer] = part  # not ours: the checks will say that there is no such field
    return body


def _without_depth(value: Any, path: tuple[str, ...], moved: dict[str, Any]) -> Any:
    """Return a value as it stands at its path, without what is put into ``moved``."""
    height = _height(value)
    if len(path) + height <= MASKED_LEVELS:
        return value
    if len(path) > 1 and 1 + height <= MASKED_LEVELS:
        moved[_pointer(path)] = value
        return type(value)()
    if isinstance(value, dict):
        return {name: _without_depth(part, (*path, str(name)), moved) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_depth(part, (*path, str(index)), moved) for index, part in enumerate(value)]
    return value


def _height(value: Any) -> int:
    """Return how many levels stand below a value; none below a text or an empty object."""
    if isinstance(value, dict):
        return max((1 + _height(part) for part in value.values()), default=0)
    if isinstance(value, list):
        return max((1 + _height(part) for part in value), default=0)
    return 0


def _pointer(path: tuple[str, ...]) -> str:
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def _is_pointer(name: Any) -> bool:
    return isinstance(name, str) and name.startswith("/")


def _put_back(body: dict[str, Any], pointer: str, part: Any) -> bool:
    *outer, last = [name.replace("~1", "/").replace("~0", "~") for name in pointer[1:].split("/")]
    place: Any = body
    for name in outer:
        place = _member(place, name)
    hole = _member(place, last)
    if hole not in ({}, []):
        return False
    place[int(last) if isinstance(place, list) else last] = part
    return True


def _member(place: Any, name: str) -> Any:
    """Return a member of an object or list; None when there is none."""
    if isinstance(place, dict):
        return place.get(name)
    if isinstance(place, list) and name.isdecimal() and int(name) < len(place):
        return place[int(name)]
    return None


def _copy(value: Any) -> Any:
    """Copy objects and lists; what stands in them may be a reference of Airflow's, and stays the same."""
    if isinstance(value, dict):
        return {name: _copy(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_copy(part) for part in value]
    return value
