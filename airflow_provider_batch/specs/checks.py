"""
Check REST JSON against the schema, and say what is wrong with the field's full path and the remedy.

Values that are decided later (templates) pass; the same check is made again after rendering, when ``"5"``
in a number's place is read as 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.durations import from_iso8601, to_iso8601
from airflow_provider_batch.specs.kinds import TEXTS, Kind, Member, members
from airflow_provider_batch.specs.legal_ids import is_legal_id
from airflow_provider_batch.specs.rules import RULES
from airflow_provider_batch.specs.schema import API_VERSION, JOB, POOL, RETIRED, TASK
from airflow_provider_batch.specs.templates import decided_later

#: Linux gives a program no single argument longer than 131,072 bytes, its closing zero included
#: (MAX_ARG_STRLEN), and ``/bin/bash -c '...'`` is one. The service documents no limit of its own.
COMMAND_LINE_BYTES: Final = 131_071

_INTEGER: Final = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}
#: fields that only look as if they belonged there
_MISPLACED: Final = {
    ("BatchPoolSpecification", "identity"): "a pool that comes with a job can have no identities, which only "
    "the management plane gives; describe it as batch_pool"
}
#: names by which users of the Python classes may call a field of REST JSON
_PYTHON_NAMES: Final = {
    "pool_id": "id",
    "batch_pool_id": "id",
    "job_id": "id",
    "batch_job_id": "id",
    "task_id": "id",
    "batch_task_id": "id",
    "image": "virtualMachineConfiguration",
    "autoscale": "autoScaleFormula",
    "environment": "environmentSettings",
}


def checked(body: Any, definition: str, path: str, *, partial: bool = False) -> dict[str, Any]:
    """
    Check ``body`` and give it normalised.

    :param body: plain JSON values without nulls in objects; not changed.
    :param definition: name of its definition in the schema.
    :param path: where it stands, for messages.
    :param partial: ``body`` is only a part of the object: nothing is missing, no rule on the whole applies.
    :return: a new dictionary: numbers and booleans that were written as text converted, values of choices in
        the case of the API, durations as the service writes them, fields in the API's order.
    :raises SpecError: with the path of the field in REST names.
    """
    if not isinstance(body, Mapping):
        raise SpecError(path, f"must be an object, found {_shown(body)}")
    known = members(definition)
    result = {}
    for name, value in body.items():
        if name not in known:
            raise SpecError(f"{path}.{name}", _unknown(name, known, definition))
        result[name] = _check(value, known[name].kind, f"{path}.{name}")
    if not partial:
        _require(result, known.values(), path)
        for rule in RULES.get(definition, ()):
            rule(path, result)
    return {name: result[name] for name in known if name in result}


def _require(body: Mapping[str, Any], known: Iterable[Member], path: str) -> None:
    for member in known:
        if member.required and member.name not in body:
            raise SpecError(f"{path}.{member.name}", "is required and missing")


def _unknown(name: Any, known: Mapping[str, Member], definition: str) -> str:
    if not isinstance(name, str):
        return f"unknown field; names are strings, found {type(name).__name__}"
    if (definition, name) in _MISPLACED:
        return _MISPLACED[definition, name]
    squashed = {field.lower(): field for field in known}
    same = squashed.get(name.replace("_", "").replace("-", "").lower()) or _PYTHON_NAMES.get(name)
    if same in known:
        return f"unknown field; REST JSON spells it {same!r}"
    if same is None and name == "id" and definition == "BatchPoolSpecification":
        return "the service makes the id of a job's own pool; auto_pool_id_prefix is how it begins"
    if name in RETIRED and definition in (POOL, JOB, TASK, "BatchPoolSpecification", "BatchPoolInfo"):
        return f"not a field of API {API_VERSION}: {RETIRED[name]}"
    import difflib  # for a message only; a DAG file imports this module each time that it is parsed

    close = difflib.get_close_matches(name.lower(), squashed, n=1, cutoff=0.6)
    if close:
        return f"unknown field; did you mean {squashed[close[0]]!r}?"
    return f"unknown field; there are {', '.join(sorted(known))}"


def _check(value: Any, kind: Kind, path: str) -> Any:
    if decided_later(value):
        return value
    return _CHECKS[kind.name](value, kind, path)


def _object(value: Any, kind: Kind, path: str) -> dict[str, Any]:
    return checked(value, kind.definition, path)


def _list(value: Any, kind: Kind, path: str) -> list[Any]:
    if not isinstance(value, list) or kind.of is None:
        raise SpecError(path, f"must be a list, found {_shown(value)}{_native(value)}")
    _bounded(len(value), kind, path, "elements")
    return [_check(element, kind.of, _element(path, index, element)) for index, element in enumerate(value)]


def _element(path: str, index: int, element: Any) -> str:
    # Users write environment and metadata as {name: value}; an index would tell them nothing.
    if isinstance(element, Mapping) and element.keys() <= {"name", "value"}:
        name = element.get("name")
        if isinstance(name, str):
            return f"{path}[{name}]"
    return f"{path}[{index}]"


def _map(value: Any, kind: Kind, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or kind.of is None:
        raise SpecError(path, f"must be an object, found {_shown(value)}{_native(value)}")
    return {name: _check(member, kind.of, f"{path}.{name}") for name, member in value.items()}


def _text(value: Any, kind: Kind, path: str) -> str:
    if not isinstance(value, str):
        found = type(value).__name__ if kind.name in ("secret", "url") else _shown(value)
        raise SpecError(path, f"must be a string, found {found}{_quoted(value, kind)}")
    if not value.strip() and kind.least is not None:
        raise SpecError(path, "must not be empty")
    _bounded(len(value), kind, path, "characters")
    return value


def _quoted(value: Any, kind: Kind) -> str:
    if kind.name == "secret" or isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    return f'; write "{value}"'


def _id(value: Any, kind: Kind, path: str) -> str:
    text = _text(value, kind, path)
    if not is_legal_id(text):
        raise SpecError(
            path,
            "must be 1 to 64 letters, digits, hyphens and underscores,"
            f" found {len(text)} characters: {_shown(text)}",
        )
    return text


def _command(value: Any, kind: Kind, path: str) -> str:
    text = _text(value, kind, path)
    if not text.strip():
        raise SpecError(path, "must not be empty; write for example \"/bin/bash -c 'echo hello'\"")
    size = len(text.encode(errors="surrogatepass"))
    if size > COMMAND_LINE_BYTES:
        raise SpecError(
            path,
            f"has {size:,} bytes, and Linux starts no program with an argument over {COMMAND_LINE_BYTES:,};"
            " put the script into a resource file",
        )
    return text


def _url(value: Any, kind: Kind, path: str) -> str:
    text = _text(value, kind, path)
    if not text.lower().startswith(("https://", "http://")):
        raise SpecError(path, "must be a URL that starts with https:// or http://")
    return text


def _integer(value: Any, kind: Kind, path: str) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError(path, f"must be an integer, found {_shown(value)}")
    _bounded(value, kind, path)
    return value


def _boolean(value: Any, kind: Kind, path: str) -> bool:
    if isinstance(value, str):
        value = _BOOLEANS.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise SpecError(path, f"must be true or false, found {_shown(value)}")
    return value


def _duration(value: Any, kind: Kind, path: str) -> str:
    if not isinstance(value, str):
        raise SpecError(path, f"must be a duration as ISO 8601 text or a timedelta, found {_shown(value)}")
    try:
        duration = from_iso8601(value)
    except ValueError as error:
        raise SpecError(path, str(error)) from None
    least, most = kind.durations()
    if (least is not None and duration < least) or (most is not None and duration > most):
        raise SpecError(path, f"must be {_range(least, most, _spelled)}, found {to_iso8601(duration)}")
    return to_iso8601(duration)


def _choice(value: Any, kind: Kind, path: str) -> str:
    if isinstance(value, str):
        for known in kind.values:
            if known.lower() == value.strip().lower():
                return known
    raise SpecError(path, f"must be one of {', '.join(kind.values)}; found {_shown(value)}")


def _bounded(number: int, kind: Kind, path: str, what: str = "") -> None:
    least, most = kind.numbers()
    if (least is None or number >= least) and (most is None or number <= most):
        return
    unit = f" {what}" if what else ""
    verb = "have" if what else "be"
    raise SpecError(path, f"must {verb} {_range(least, most, '{:,}'.format)}{unit}, found {number:,}")


def _range(least: Any, most: Any, spell: Callable[[Any], str]) -> str:
    if least is not None and most is not None:
        return f"{spell(least)} to {spell(most)}"
    return f"at least {spell(least)}" if most is None else f"at most {spell(most)}"


def _spelled(duration: timedelta) -> str:
    return to_iso8601(duration)


def _native(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    return "; a template gives a list or an object only in a DAG with render_template_as_native_obj=True"


def _shown(value: Any) -> str:
    """Describe what was found, short enough for a message."""
    if value is None:
        return "null"
    if isinstance(value, (bool, int, float, str)):
        text = repr(value)
        return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"
    return type(value).__name__


_CHECKS: Final[Mapping[str, Callable[[Any, Kind, str], Any]]] = {
    **dict.fromkeys(TEXTS, _text),
    "id": _id,
    "command": _command,
    "url": _url,
    "integer": _integer,
    "boolean": _boolean,
    "duration": _duration,
    "choice": _choice,
    "list": _list,
    "map": _map,
    "object": _object,
}
