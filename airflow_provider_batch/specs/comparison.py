"""Tell whether a pool that exists is the pool that was asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_batch.specs.base import Json, plain
from airflow_provider_batch.specs.durations import from_iso8601
from airflow_provider_batch.specs.image_names import PATTERN_FIELDS, name_matches
from airflow_provider_batch.specs.kinds import Kind, members
from airflow_provider_batch.specs.rest import pool_to_rest
from airflow_provider_batch.specs.schema import POOL

if TYPE_CHECKING:
    from airflow_provider_batch.specs.pool import PoolSpec

#: what a pool is called and labelled, not what it is; labels also hold the fingerprint itself
_NAMING: Final = ("id", "displayName", "metadata")
_IDENTITY: Final = "BatchUserAssignedIdentity"
_LONGEST_SHOWN: Final = 60
_AGENT: Final = ("nodeAgentSKUId",)

#: stands for a value that must be neither compared nor shown
_HIDDEN: Final = object()


def fingerprint(rest_body: Json) -> str:
    """
    Hash what a pool is, to tell later whether one that exists was made from the same definition.

    Hashed is the canonical JSON of the create body without id, display name, metadata and secrets
    (passwords, keys, SAS signatures in addresses, protected settings); text that the service compares
    without case is lower-cased, and environment variables are sorted. The order of other lists counts.
    Environment values and command lines are hashed: a secret in them is not recognised.

    :param rest_body: the result of :func:`pool_to_rest`, with its templates rendered.
    :return: 16 hexadecimal digits; the same in every Python version and process.
    """
    body = {name: value for name, value in plain(rest_body, "pool").items() if name not in _NAMING}
    canonical = _canonical_object(body, POOL)
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def pool_differences(wanted: PoolSpec | Json, found: Json, *, ignore: Collection[str] = ()) -> list[str]:
    """
    Say field by field where an existing pool is not what was asked for.

    Only what ``wanted`` sets is compared (and whether the pool scales automatically, which a fixed size
    excludes): the service adds defaults. Its changes of case are no difference, nor are other spellings of
    a duration; secrets are not compared, since the service does not return them; of metadata, further
    entries of the pool do not count. An image that was looked up is the wanted one when it matches, whether
    or not a newer one has appeared since.

    :param wanted: what a user may write for a pool; its templates are rendered.
    :param found: the pool as the service returned it.
    :param ignore: top-level fields to leave out, for example ``("targetDedicatedNodes",)``.
    :return: lines such as ``taskSlotsPerNode: wanted 4, found 1``; empty when the pool matches.
    :raises SpecError: ``wanted`` is wrong in itself.
    """
    body = pool_to_rest(wanted)
    if _fixed_size(body):
        body.setdefault("enableAutoScale", False)
    if body.get("enableAutoScale"):
        body.pop("resizeTimeout", None)  # it has no effect then
    skipped = {"id", *ignore}
    body = {name: value for name, value in body.items() if name not in skipped}
    existing = {"identity": {"type": "None"}, **plain(found, "pool")}
    return list(_object_differences(_with_image_of(existing, body), existing, POOL, ""))


def _with_image_of(found: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Put the names that the pool has into the place of the patterns that they match."""
    machine = body.get("virtualMachineConfiguration")
    if not isinstance(machine, Mapping) or "newestImage" not in machine:
        return body
    existing = found.get("virtualMachineConfiguration") or {}
    wanted = {name: value for name, value in machine.items() if name != "newestImage"}
    wanted["imageReference"] = {
        **machine["imageReference"],
        **_matching(machine["imageReference"], existing.get("imageReference") or {}, PATTERN_FIELDS),
    }
    return {**body, "virtualMachineConfiguration": {**wanted, **_matching(wanted, existing, _AGENT)}}


def _matching(wanted: Mapping[str, Any], found: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    given = {name: found.get(name) for name in fields if name in wanted}
    return {name: text for name, text in given.items() if text and name_matches(wanted[name], text)}


def _fixed_size(body: Mapping[str, Any]) -> bool:
    return "targetDedicatedNodes" in body or "targetLowPriorityNodes" in body


# --- canonical form ------------------------------------------------------------------------------


def _canonical(value: Any, kind: Kind) -> Any:
    """Give the form in which two values are equal exactly when the service treats them as equal."""
    if kind.name == "secret":
        return _HIDDEN
    if isinstance(value, Mapping):
        return _canonical_map(value, kind)
    if isinstance(value, list) and kind.of is not None:
        return _canonical_list(value, kind.of)
    return _canonical_text(value, kind) if isinstance(value, str) else value


def _canonical_map(value: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    if kind.name == "object":
        return _canonical_object(value, kind.definition)
    if kind.of is None:
        return dict(value)
    return _without_hidden({name: _canonical(member, kind.of) for name, member in value.items()})


def _canonical_object(value: Mapping[str, Any], definition: str) -> dict[str, Any]:
    known = members(definition)
    return _without_hidden(
        {
            name: _canonical(member, known[name].kind) if name in known else member
            for name, member in value.items()
        }
    )


def _canonical_list(value: Sequence[Any], of: Kind) -> list[Any]:
    elements = [_canonical(element, of) for element in value]
    if of.definition == "EnvironmentSetting":
        elements.sort(key=lambda element: str(element.get("name")))
    if of.definition == _IDENTITY:
        elements.sort(key=lambda element: str(element.get("resourceId")))
    return elements


def _canonical_text(value: str, kind: Kind) -> Any:
    if kind.name in ("caseless", "choice"):
        return value.lower()
    if kind.name == "url":
        return value.partition("?")[0]
    if kind.name == "duration":
        return _microseconds(value)
    return value


def _microseconds(text: str) -> Any:
    try:
        duration = from_iso8601(text)
    except ValueError:
        return text
    return f"{duration.days}d{duration.seconds}s{duration.microseconds}us"


def _without_hidden(value: dict[str, Any]) -> dict[str, Any]:
    return {name: member for name, member in value.items() if member is not _HIDDEN}


# --- differences ---------------------------------------------------------------------------------


def _object_differences(wanted: Mapping[str, Any], found: Any, definition: str, path: str) -> Iterator[str]:
    known = members(definition)
    existing = found if isinstance(found, Mapping) else {}
    for name, value in wanted.items():
        yield from _differences(value, existing.get(name), known[name].kind, f"{path}{name}")


def _differences(wanted: Any, found: Any, kind: Kind, path: str) -> Iterator[str]:
    if kind.name == "secret":
        return
    if kind.name == "object" and isinstance(found, Mapping):
        yield from _object_differences(wanted, found, kind.definition, f"{path}.")
    elif kind.of is not None and kind.of.definition == _IDENTITY:
        yield from _identity_differences(wanted, found or [], path)
    elif kind.name == "list" and kind.of is not None and kind.of.name == "object":
        yield from _list_differences(wanted, found or [], kind.of, path)
    elif not _equal(wanted, found, kind):
        yield f"{path}: wanted {_shown(wanted, kind)}, found {_shown(found, kind)}"


def _equal(wanted: Any, found: Any, kind: Kind) -> bool:
    if kind.name == "boolean":
        return bool(wanted) == bool(found)  # the service leaves some false values out
    return bool(_canonical(wanted, kind) == _canonical(found, kind))


def _list_differences(wanted: Sequence[Any], found: Sequence[Any], of: Kind, path: str) -> Iterator[str]:
    if "name" not in members(of.definition):
        if len(wanted) != len(found):
            yield f"{path}: wanted {len(wanted)} elements, found {len(found)}"
            return
        for index, (element, existing) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(element, existing, of, f"{path}[{index}]")
        return
    by_name = {element.get("name"): element for element in found}
    for element in wanted:
        name = element.get("name")
        if name not in by_name:
            yield f"{path}[{name}]: wanted, not found"
        elif of.definition == "EnvironmentSetting":
            if element.get("value") != by_name[name].get("value"):
                yield f"{path}[{name}]: the values differ"  # they may be secrets
        else:
            yield from _differences(element, by_name[name], of, f"{path}[{name}]")
    if of.definition != "BatchMetadataItem":
        for name in sorted(by_name.keys() - {element.get("name") for element in wanted}, key=str):
            yield f"{path}[{name}]: found, not wanted"


def _identity_differences(wanted: Sequence[Any], found: Sequence[Any], path: str) -> Iterator[str]:
    """Compare resource ids, whose order and case say nothing."""
    ours, theirs = ({str(each.get("resourceId")).lower() for each in listed} for listed in (wanted, found))
    for resource_id in sorted(ours - theirs):
        yield f"{path}[{resource_id}]: wanted, not found"
    for resource_id in sorted(theirs - ours):
        yield f"{path}[{resource_id}]: found, not wanted"


def _shown(value: Any, kind: Kind) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, (list, Mapping)):
        # What is inside may be a secret; the path says which field it is.
        return "something else" if isinstance(value, Mapping) else f"{len(value)} elements"
    if kind.name == "url" and isinstance(value, str):
        value = value.partition("?")[0]
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 4]}...'"
