"""Requests as a schema allows them, and as nobody should send them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, quote_from_bytes

from hypothesis import strategies as st

from airflow_provider_batch.emulator.routes.management_table import MANAGEMENT_OPERATIONS
from airflow_provider_batch.emulator.routes.table import OPERATIONS
from airflow_provider_batch.emulator.wire.schema import BodySchema, data_plane, management
from airflow_provider_batch.emulator.wire.versions import CURRENT, SUPPORTED
from tests.contract.management_clients import ACCOUNT_ID
from tests.unit.emulator.routes.account_in_process import IMAGE, Sent

Json = dict[str, Any]
_SCHEMAS: Mapping[str, BodySchema] = {
    "management": management(),
    **{version: data_plane(version) for version in SUPPORTED},
}
_VARIABLE = re.compile(r"\{(\w+)(?::\w+)?\}")

# --- values ---------------------------------------------------------------------------------------------

_ODD_TEXTS = st.sampled_from(
    [
        *(
            "",
            " ",
            "x" * 65,
            "x" * 9000,
            "\u0000",
            "a\nb",
            "ü",
            "日本",
            "\U0001f600",
            "\ud800",
            "a/b",
            "../../x",
        ),
        *("/etc/passwd", "%", "%2e", "'", '"', "$", "{}", "$count", "null", "-1", "NaN", "http://[", "C:\\x"),
        *(
            "http://127.0.0.1:1/c/b?sig=x",
            "file:///etc/passwd",
            "٣",
            "1e400",
            "\r\nX: y",
            ".",
            "..",
            ".removed",
        ),
    ]
)
_TEXTS = st.sampled_from(["p", "a", "j", "t", "c", "s", "app", "x", "new"]) | _ODD_TEXTS
_INTEGERS = st.sampled_from([0, 1, 1, 2, 3, 5, -1, 100, 1001, 2**31 - 1, -(2**31), 2**31, 2**70])
_DURATIONS = st.sampled_from(
    [
        *(
            "PT5M",
            "PT1H",
            "P1D",
            "PT30S",
            "PT0S",
            "P0D",
            "-PT1S",
            "P999999999D",
            "P1Y2M",
            "P10675199DT2H48M5.4775807S",
        ),
        *("PT", "P", "5", "", "P9999999999999999999D", "PT1.123456789S", "PT1e3S", "P٣D"),
    ]
)
_TIMES = st.sampled_from(
    [
        *(
            "2020-01-01T00:00:00Z",
            "2099-01-01T00:00:00Z",
            "9999-12-31T23:59:59.9999999Z",
            "0001-01-01T00:00:00Z",
        ),
        *(
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2024-02-30T00:00:00Z",
            "soon",
            "",
            "2024",
        ),
    ]
)
_JUNK = st.one_of(
    st.none(),
    st.booleans(),
    _INTEGERS,
    st.floats(),
    _TEXTS,
    st.just([]),
    st.just({}),
    st.just([None]),
    st.just([[{}]]),
)
_SCALARS: Mapping[str, st.SearchStrategy[Any]] = {
    "any": _JUNK,
    "string": _TEXTS,
    "boolean": st.booleans(),
    "integer": _INTEGERS,
    "duration": _DURATIONS,
    "datetime": _TIMES,
}
_CLEAN: Mapping[str, st.SearchStrategy[Any]] = {
    "any": st.just({"x": [1]}),
    "string": st.sampled_from(["p", "x", "new", "c"]),
    "boolean": st.booleans(),
    "integer": st.sampled_from([1, 1, 2, 3, 0, 100]),
    "duration": st.sampled_from(["PT5M", "PT1H", "P1D", "PT30S"]),
    "datetime": st.sampled_from(["2020-01-01T00:00:00Z", "2099-01-01T00:00:00.1234567Z"]),
}
NODE = "@node"
_KNOWN: Mapping[str, st.SearchStrategy[Any]] = {
    "vmSize": st.just("STANDARD_D2S_V3"),
    "commandLine": st.just("true"),
    "imageReference": st.just(IMAGE["imageReference"]),
    "nodeAgentSKUId": st.just(IMAGE["nodeAgentSKUId"]),
    "virtualMachineConfiguration": st.just(IMAGE),
    "autoScaleFormula": st.sampled_from(["$TargetDedicatedNodes=1", "$TargetDedicatedNodes=1/0;", "x"]),
    "poolInfo": st.just({"poolId": "p"}),
    "id": st.sampled_from(["new", "t2", "x" * 64]),
    "nodeList": st.just([NODE]),
    "targetDedicatedNodes": st.integers(0, 3),
    "targetLowPriorityNodes": st.integers(0, 2),
    "taskIds": st.sampled_from([["c"], ["t", "absent"], []]),
    "containerUrl": st.just("http://127.0.0.1:1/c?sig=x"),
    "httpUrl": st.just("http://127.0.0.1:1/c/b?sig=x"),
}


@cache
def _value(plane: str, kind: str, name: str, clean: bool) -> st.SearchStrategy[Any]:
    """
    A value of a property.

    :param kind: JSON of the type, as a schema has it.
    :param clean: what the service is likely to take.
    """
    schema, found = _SCHEMAS[plane], json.loads(kind)
    if clean and name in _KNOWN:
        return _KNOWN[name]
    if isinstance(found, str):
        return (_CLEAN if clean else _SCALARS)[found]
    ((shape, of),) = found.items()
    if shape == "enum":
        return st.sampled_from([*schema.data["enums"][of], *([] if clean else ["absent"])])
    if shape == "object":
        return _object(plane, of, clean)
    inner = st.deferred(lambda: _value(plane, json.dumps(of), "", clean))
    if shape == "array":
        return st.lists(inner, min_size=clean, max_size=2)
    return st.dictionaries(_CLEAN["string"] if clean else _TEXTS, inner, max_size=2)


@cache
def _object(plane: str, model: str, clean: bool) -> st.SearchStrategy[Json]:
    """An object with what it needs and a few of its other properties."""
    properties = {
        name: definition
        for name, definition in _SCHEMAS[plane].data["models"][model].items()
        if "type" in definition and not definition.get("readOnly")
    }
    needed = [name for name, definition in properties.items() if definition.get("required")]
    further = [name for name in properties if name not in needed]
    # Not required, and yet nothing can be done without.
    needed += [name for name in further if name in ("virtualMachineConfiguration", "properties")]

    @st.composite
    def build(draw: st.DrawFn) -> Json:
        chosen = draw(st.lists(st.sampled_from(further), max_size=2, unique=True)) if further else []
        return {
            name: draw(_value(plane, json.dumps(properties[name]["type"]), name, clean))
            for name in dict.fromkeys((*needed, *chosen))
        }

    return build()


# --- mutations ------------------------------------------------------------------------------------------


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a document with each of its keys."""
    if isinstance(value, dict):
        return [pair for key in value for pair in ((value, key), *_places(value[key]))]
    if isinstance(value, list):
        return [pair for index in range(len(value)) for pair in ((value, index), *_places(value[index]))]
    return []


@st.composite
def _spoiled(draw: st.DrawFn, body: Json) -> Json:
    """The body with one thing in it replaced, left out or added."""
    copy: Json = json.loads(json.dumps(body))
    places = _places(copy)
    if not places or draw(st.integers(0, 3)) == 0:
        copy[draw(_TEXTS)] = draw(_JUNK)
        return copy
    container, key = draw(st.sampled_from(places))
    if draw(st.booleans()):
        container[key] = draw(_JUNK)
    else:
        del container[key]
    return copy


_BROKEN = st.sampled_from(
    [
        *(
            b"",
            b" ",
            b"null",
            b"[]",
            b"1",
            b'"x"',
            b"{",
            b"\xff\xfe",
            b"{}{}",
            b'{"id": NaN}',
            b'{"id": 1e999}',
        ),
        *(b'{"id":"x","id":"y"}', b"[" * 50_000, b'{"a":' * 50_000, b"9" * 5000, b"\xef\xbb\xbf{}", b"\x00"),
        b'{"id":"' + b"x" * 1_100_000 + b'"}',
    ]
)


@st.composite
def _body(draw: st.DrawFn, plane: str, operation: str) -> bytes:
    model = _SCHEMAS[plane].data["operations"].get(operation)
    how = draw(st.integers(0, 9))
    if how == 0:
        return draw(_BROKEN)
    if model is None:
        return b"" if how < 9 else b'{"x": 1}'
    body = draw(_object(plane, model, how > 2))
    if 2 < how < 6:
        body = draw(_spoiled(body))
    return json.dumps(body).encode()


# --- addresses ------------------------------------------------------------------------------------------

_THERE: Mapping[str, tuple[str, ...]] = {
    "poolId": ("p", "p", "P", "a"),
    "poolName": ("p", "a"),
    "jobId": ("j", "j", "j", "J", "k", "s:job-1"),
    "taskId": ("t", "t", "c", "T"),
    "jobScheduleId": ("s", "S"),
    "applicationId": ("app",),
    "applicationName": ("app", "new"),
    "versionName": ("1",),
    "userName": ("u", "root"),
    "operation": ("p",),
}
FILES_THERE = ("stdout.txt", "wd/deep/file", "wd/deep", "wd", "workitems")
ODD_FILES = (
    *(
        "stdout.txt",
        "wd",
        "wd/deep/file",
        "wd/deep",
        "wd/link",
        "wd/up",
        "wd/up/secret.txt",
        "../../../../secret.txt",
    ),
    *(
        "/etc/passwd",
        "wd/../../stdout.txt",
        "%2e%2e/x",
        "wd/\u0000",
        "x" * 300,
        "wd//deep",
        "wd/.",
        ".",
        "\ud800",
        "ü",
    ),
)
RAW_FILES = (
    "%2e%2e%2f%2e%2e%2fsecret.txt",
    "..%5c..%5cx",
    "%c0%ae%c0%ae/x",
    "%",
    "%zz",
    "%FF",
    "..;/x",
    "%252e%252e",
)


@st.composite
def _part(draw: st.DrawFn, name: str, nodes: tuple[str, ...]) -> str:
    if name == "filePath":
        how = draw(st.integers(0, 5))
        if how == 0:
            return draw(st.sampled_from(RAW_FILES))
        path = draw(st.sampled_from(ODD_FILES if how < 3 else FILES_THERE))
        return quote_from_bytes(path.encode("utf-8", "surrogatepass"), safe="/")
    there = nodes if name in ("nodeId",) else _THERE.get(name, ("x",))
    if draw(st.integers(0, 11)):
        return quote(draw(st.sampled_from(there)), safe="")
    return quote_from_bytes(draw(_TEXTS).encode("utf-8", "surrogatepass"), safe="") or "%20"


_VALUES: Mapping[str, tuple[str, ...]] = {
    "maxresults": ("1", "1000", "0", "-1", "1001", "x", "٣", "9" * 5000, ""),
    "$select": ("id", "id,state", "name", "absent", ",", "stats", "id/x", "\u0000", "properties/vmSize"),
    "$expand": ("stats", "absent", ""),
    "$filter": (
        "id eq 'j'",
        "state eq 'active'",
        "((",
        "startswith(id,'",
        "id eq 1",
        "x" * 9000,
        "'",
        "\u0000",
    ),
    "$skiptoken": ("WATV2:WyJqIl0", "WATV2:", "x", "WATV2:W10", "WATV2:WzFd", "ü", "WATV2:" + "W" * 5000),
    "timeOut": ("30", "x", "-1", "9" * 500),
    "recursive": ("true", "false", "perhaps"),
    "force": ("true", "perhaps"),
    "starttime": ("2020-01-01T00:00:00Z", "soon", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"),
    "endtime": ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "soon"),
    "page": ("1", "0", "-1", "٣", "9" * 100),
    "look": ("ready", "x"),
    "select": ("name", "absent"),
    "filter": ("name eq 'p'", "(("),
    "%00": ("%00",),
}


@st.composite
def _query(draw: st.DrawFn, versions: tuple[str, ...]) -> str:
    pairs = []
    if draw(st.integers(0, 15)):
        pairs.append(("api-version", draw(st.sampled_from(versions))))
    for name in draw(st.just([]) | st.lists(st.sampled_from(sorted(_VALUES)), max_size=2)):
        pairs.append((name, draw(st.sampled_from(_VALUES[name]))))
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)


_HEADERS: Mapping[str, tuple[str, ...]] = {
    "if-match": ("*", '"0x8DC49FBC56DC7F9"', "x", "", 'W/"', '"a","b"', "é"),
    "if-none-match": ("*", '"0x8DC49FBC56DC7F9"', "x"),
    "if-modified-since": ("Sun, 22 Nov 2026 13:19:22 GMT", "soon", "", "Sun, 99 Nov 99999 00:00:00 GMT"),
    "if-unmodified-since": (
        *("Sun, 22 Nov 2020 13:19:22 GMT", "soon", "Mon, 01 Jan 0001 00:00:00 +1400"),
        *("Fri, 31 Dec 9999 23:59:59 -1400", "Sun, 22 Nov 2020 13:19:22 +99999999999"),
    ),
    "content-type": ("text/plain", "application/json; charset=utf-16", "", "x" * 5000),
    "content-length": ("0", "-1", "x", "99999999999"),
    "accept": ("text/html", "application/octet-stream"),
    "ocp-range": ("bytes=0-1", "bytes=5-1", "bytes=-", "bytes=99999999999-", "bytes=0-" + "9" * 5000, "x"),
    "ocp-date": ("Sun, 22 Nov 2026 13:19:22 GMT", "soon"),
    "authorization": (
        *("", "Bearer", "Bearer x", "Bearer é", "SharedKey", "SharedKey x", "SharedKey devbatch:AAAA"),
        *("SharedKey devbatch:é", "SharedKey other:AAAA=", "Basic x", "\x00"),
    ),
    "client-request-id": ("x", "é", "a" * 5000),
    "return-client-request-id": ("true",),
    "host": ("evil.example", "127.0.0.1:x", "", "localhost:99999"),
    "x-batch-emulator-key": ("wrong", "é", ""),
}


@st.composite
def _headers(draw: st.DrawFn) -> tuple[tuple[str, str], ...]:
    if draw(st.integers(0, 2)):
        return ()
    names = draw(st.lists(st.sampled_from(sorted(_HEADERS)), max_size=2, unique=True))
    return tuple((name, draw(st.sampled_from(_HEADERS[name]))) for name in names)


# --- requests -------------------------------------------------------------------------------------------

#: the emulator's own addresses, but for faults of requests, which would be met by the requests that follow
CONTROL = (
    *(("GET", f"/_emulator/{name}") for name in ("health", "requests", "assumptions", "faults", "time")),
    *(("DELETE", f"/_emulator/{name}") for name in ("requests", "faults", "faults/1")),
    ("PUT", "/_emulator/assumptions/list_lag"),
    ("PUT", "/_emulator/assumptions/{name}"),
    ("POST", "/_emulator/time/advance"),
    *(
        ("POST", f"/_emulator/pools/{{poolId}}/nodes/{{nodeId}}/{verb}")
        for verb in ("preempt", "break", "miss")
    ),
    *(
        ("POST", f"/_emulator/pools/{{poolId}}/nodes/{{nodeId}}/{verb}")
        for verb in ("recover", "upgrade", "losefiles")
    ),
    *(("POST", f"/_emulator/pools/{{poolId}}/{verb}") for verb in ("failstarttasks", "failresize", "{verb}")),
    *(
        ("POST", f"/_emulator/jobs/{{jobId}}/tasks/{{taskId}}/{verb}")
        for verb in ("freeze", "thaw", "{verb}")
    ),
    *(("GET", path) for path in ("/", "/_emulator/pages/pools/{poolId}", "/_emulator/pages/jobs/{jobId}")),
    ("GET", "/_emulator/pages/jobs/{jobId}/tasks/{taskId}"),
    ("PATCH", "/_emulator/health"),
    ("GET", "/_emulator/{name}"),
)
_CONTROL_BODIES = st.one_of(
    _BROKEN,
    st.just(b"{}"),
    st.dictionaries(
        st.sampled_from(["value", "seconds", "code", "times", "message", "values", "scale"]),
        _JUNK,
        max_size=3,
    )
    # A year would be thousands of evaluations; the tests of the time have such.
    .filter(lambda body: not isinstance(body.get("seconds"), int | float) or abs(body["seconds"]) <= 100)
    .map(lambda body: json.dumps(body).encode()),
)
_METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])


@st.composite
def requests(draw: st.DrawFn, nodes: tuple[str, ...]) -> Sent:
    """Any request to any operation."""
    plane = draw(st.sampled_from(["data", "data", "data", "data", "management", "control"]))
    versions: tuple[str, ...] = ("2025-06-01",)
    if plane == "control":
        method, path = draw(st.sampled_from(CONTROL))
        name, body = path, _CONTROL_BODIES
    elif plane == "management":
        managed = draw(st.sampled_from(MANAGEMENT_OPERATIONS))
        account, _, below = managed.path.partition("{accountName}")
        method, name = managed.method, managed.name
        path = ACCOUNT_ID + below if below or account.endswith("/") else managed.path
        body = _body("management", name)
    else:
        operation = draw(st.sampled_from(OPERATIONS))
        method, path, name = operation.method, operation.path, operation.name
        versions = (CURRENT, CURRENT, CURRENT, *SUPPORTED, "2019-01-01", "")
        body = _body(draw(st.sampled_from([CURRENT, SUPPORTED[0]])), name)
    if not draw(st.integers(0, 19)):
        method = draw(_METHODS)
    target = _VARIABLE.sub(lambda found: draw(_part(found[1], nodes)), path)
    content = draw(body) if method not in ("GET", "HEAD") or not draw(st.integers(0, 19)) else b""
    content = content.replace(NODE.encode(), draw(st.sampled_from(nodes)).encode())
    return Sent(name, method, f"{target}?{draw(_query(versions))}", content, draw(_headers()))
