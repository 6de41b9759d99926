"""Rules that hold for every field: unknown, missing, wrong type, out of range, rendered later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_batch.exceptions import AzureBatchConfigurationError, SpecError
from airflow_provider_batch.specs import job_to_rest, pool_to_rest, task_to_rest
from airflow_provider_batch.specs.checks import COMMAND_LINE_BYTES, checked
from airflow_provider_batch.specs.kinds import Kind, members
from airflow_provider_batch.specs.schema import JOB, POOL, TASK

TASK_BODY = {"id": "t", "commandLine": "/bin/true"}
POOL_BODY = {
    "id": "p",
    "vmSize": "standard_d2s_v5",
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "canonical", "offer": "o", "sku": "s"},
        "nodeAgentSKUId": "batch.node.ubuntu 22.04",
    },
}

Place = tuple[str, ...]


def places(definition: str, place: Place = ()) -> Iterator[tuple[Place, Kind]]:
    """Every field below a definition, with its place; lists and maps count as their elements."""
    for name, member in members(definition).items():
        kind, at = member.kind, (*place, name)
        while kind.of is not None:
            at, kind = (*at, "[0]" if kind.name == "list" else ".any"), kind.of
        yield at, kind
        if kind.name == "object":
            yield from places(kind.definition, at)


ALL_PLACES = [(root, place, kind) for root in (POOL, JOB, TASK) for place, kind in places(root)]


def nested(place: Place, value: Any) -> Any:
    for name in reversed(place):
        value = [value] if name == "[0]" else {name.lstrip("."): value}
    return value


def spelled(place: Place) -> str:
    return "x" + "".join(name if name[0] in "[." else f".{name}" for name in place)


def error_of(root: str, body: Any) -> SpecError:
    with pytest.raises(SpecError) as caught:
        checked(body, root, "x")
    return caught.value


@pytest.mark.parametrize("root", [POOL, JOB, TASK])
def test_an_unknown_field_is_named_with_its_full_path_wherever_it_stands(root):
    for at, place, kind in ALL_PLACES:
        if at == root and kind.name == "object":
            error = error_of(root, nested(place, {"nonsense": 1}))
            assert error.path == f"{spelled(place)}.nonsense"


@pytest.mark.parametrize("root", [POOL, JOB, TASK])
def test_a_value_of_the_wrong_type_is_named_with_its_full_path_wherever_it_stands(root):
    for at, place, kind in ALL_PLACES:
        if at == root:
            wrong: Any = 1.5 if kind.name == "object" else {"a": 1}
            assert error_of(root, nested(place, wrong)).path == spelled(place), kind


@pytest.mark.parametrize("root", [POOL, JOB, TASK])
def test_a_template_stands_for_any_value_wherever_it_stands(root):
    for at, place, _kind in ALL_PLACES:
        if at == root:
            # What is missing beside the template is an error; the template itself never is.
            error = error_of(root, nested(place, "{{ params.n }}"))
            assert not error.path.startswith(spelled(place)) or "missing" in error.problem


@pytest.mark.parametrize("root", [POOL, JOB, TASK])
def test_a_secret_of_the_wrong_type_is_not_shown(root):
    for at, place, kind in ALL_PLACES:
        if at == root and kind.name in ("secret", "url"):
            assert "424242" not in str(error_of(root, nested(place, 424242))).replace('; write "424242"', "")
    assert "424242" not in str(error_of(POOL, {"userAccounts": [{"name": "a", "password": 424242}]}))


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("imageRefernce", "did you mean 'imageReference'?"),
        ("image_reference", "REST JSON spells it 'imageReference'"),
        ("imagereference", "REST JSON spells it 'imageReference'"),
        ("node_agent_sku_id", "REST JSON spells it 'nodeAgentSKUId'"),
        ("qqq", "there are containerConfiguration, "),
    ],
)
def test_an_unknown_field_comes_with_what_was_probably_meant(written, problem):
    with pytest.raises(SpecError) as caught:
        pool_to_rest({**POOL_BODY, "virtualMachineConfiguration": {written: {}}})
    assert caught.value.path == f"pool.virtualMachineConfiguration.{written}"
    assert problem in caught.value.problem


@pytest.mark.parametrize("name", ["task_id", "batch_task_id"])
def test_the_python_name_of_the_id_leads_to_the_rest_name(name):
    with pytest.raises(SpecError, match=rf"task\.{name}: unknown field; REST JSON spells it 'id'"):
        task_to_rest({name: "t", "commandLine": "x"})


def test_a_field_that_the_service_has_retired_is_told_with_its_successor():
    with pytest.raises(SpecError, match=r"pool\.maxTasksPerNode: .*use taskSlotsPerNode"):
        pool_to_rest({**POOL_BODY, "maxTasksPerNode": 4})


def test_a_name_that_is_no_string_is_refused():
    with pytest.raises(SpecError, match="names are strings, found int"):
        task_to_rest({**TASK_BODY, 5: "x"})  # type: ignore[dict-item]  # what is tested


def test_a_missing_required_field_is_named_with_its_path():
    with pytest.raises(SpecError, match=r"^task\.commandLine: is required and missing$"):
        task_to_rest({"id": "t"})
    with pytest.raises(SpecError, match=r"^task\.outputFiles\[0\]\.uploadOptions: is required and missing$"):
        task_to_rest(
            {
                **TASK_BODY,
                "outputFiles": [
                    {"filePattern": "*", "destination": {"container": {"containerUrl": "https://a/b"}}}
                ],
            }
        )


def test_null_means_not_set():
    assert task_to_rest({**TASK_BODY, "displayName": None}) == TASK_BODY
    with pytest.raises(SpecError, match="commandLine: is required"):
        task_to_rest({"id": "t", "commandLine": None})


def test_errors_are_configuration_errors_and_value_errors():
    with pytest.raises(AzureBatchConfigurationError):
        task_to_rest({})
    with pytest.raises(ValueError, match="required"):
        task_to_rest({})


# --- conversions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("written", "read"), [("5", 5), (" 5\n", 5), (5, 5)])
def test_an_integer_that_a_template_rendered_is_read(written, read):
    assert task_to_rest({**TASK_BODY, "requiredSlots": written})["requiredSlots"] == read


@pytest.mark.parametrize("written", ["five", "", "None", "5.0", 5.0, True, [5]])
def test_what_is_no_integer_is_refused(written):
    with pytest.raises(SpecError, match=r"^task\.requiredSlots: must be an integer, found"):
        task_to_rest({**TASK_BODY, "requiredSlots": written})


@pytest.mark.parametrize(("written", "read"), [("True", True), ("false", False), (True, True)])
def test_a_boolean_that_a_template_rendered_is_read(written, read):
    body = {"id": "j", "poolInfo": {"poolId": "p"}, "usesTaskDependencies": written}
    assert job_to_rest(body)["usesTaskDependencies"] is read


@pytest.mark.parametrize("written", ["yes", "1", 1, 0, ""])
def test_what_is_no_boolean_is_refused(written):
    with pytest.raises(SpecError, match=r"usesTaskDependencies: must be true or false, found"):
        job_to_rest({"id": "j", "poolInfo": {"poolId": "p"}, "usesTaskDependencies": written})


@pytest.mark.parametrize("written", [timedelta(minutes=90), "PT90M", "pt01h30m"])
def test_a_duration_may_be_a_timedelta_or_any_iso_8601(written):
    body = {**TASK_BODY, "constraints": {"maxWallClockTime": written}}
    assert task_to_rest(body)["constraints"] == {"maxWallClockTime": "PT1H30M"}


@pytest.mark.parametrize("written", [90, "90", "1:30:00"])
def test_what_is_no_duration_is_refused(written):
    with pytest.raises(SpecError, match=r"^task\.constraints\.maxWallClockTime: .*ISO 8601"):
        task_to_rest({**TASK_BODY, "constraints": {"maxWallClockTime": written}})


def test_a_value_of_a_choice_is_taken_in_any_case_and_written_in_that_of_the_api():
    body = pool_to_rest({**POOL_BODY, "taskSchedulingPolicy": {"nodeFillType": "Spread"}})
    assert body["taskSchedulingPolicy"] == {"nodeFillType": "spread"}


def test_a_value_outside_a_choice_is_refused_with_the_choice():
    with pytest.raises(SpecError, match=r"nodeFillType: must be one of spread, pack; found 'dense'"):
        pool_to_rest({**POOL_BODY, "taskSchedulingPolicy": {"nodeFillType": "dense"}})


def test_a_rendered_list_that_stayed_text_is_refused_with_the_setting_that_keeps_it_a_list():
    with pytest.raises(SpecError, match=r"resourceFiles: must be a list.*render_template_as_native_obj=True"):
        task_to_rest({**TASK_BODY, "resourceFiles": "[]"})


def test_the_same_check_after_rendering_finds_what_the_template_hid():
    body = task_to_rest({**TASK_BODY, "requiredSlots": "{{ params.n }}", "id": "{{ run_id }}"})
    assert body["requiredSlots"] == "{{ params.n }}"
    with pytest.raises(SpecError, match=r"task\.id: must be 1 to 64 letters"):
        task_to_rest({**body, "id": "manual__2026-01-01T00:00:00+00:00"})
    assert task_to_rest({**body, "id": "a", "requiredSlots": "2"})["requiredSlots"] == 2


def test_the_body_that_was_given_is_not_changed():
    body = {**TASK_BODY, "requiredSlots": "5", "constraints": {"maxWallClockTime": "PT90M"}}
    task_to_rest(body)
    assert body == {**TASK_BODY, "requiredSlots": "5", "constraints": {"maxWallClockTime": "PT90M"}}


# --- ranges --------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_task_id", ["", " ", "a b", "a.b", "ä", "x" * 65, "a/b", "a\n"])
def test_an_illegal_id_is_refused(batch_task_id):
    with pytest.raises(SpecError, match=r"^task\.id: must be 1 to 64 letters, digits, hyphens"):
        task_to_rest({**TASK_BODY, "id": batch_task_id})


@pytest.mark.parametrize("batch_task_id", ["a", "A-b_9", "x" * 64])
def test_a_legal_id_passes(batch_task_id):
    assert task_to_rest({**TASK_BODY, "id": batch_task_id})["id"] == batch_task_id


def test_ids_that_refer_to_others_are_checked_too():
    with pytest.raises(SpecError, match=r"^job\.poolInfo\.poolId: must be 1 to 64"):
        job_to_rest({"id": "j", "poolInfo": {"poolId": "a b"}})
    with pytest.raises(SpecError, match=r"^task\.dependsOn\.taskIds\[1\]: must be 1 to 64"):
        task_to_rest({**TASK_BODY, "dependsOn": {"taskIds": ["a", "b c"]}})


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("targetDedicatedNodes", -1, "must be at least 0, found -1"),
        ("targetLowPriorityNodes", -1, "must be at least 0, found -1"),
        ("taskSlotsPerNode", 0, "must be 1 to 256, found 0"),
        ("taskSlotsPerNode", 257, "must be 1 to 256, found 257"),
        ("resizeTimeout", "PT4M59S", "must be at least PT5M, found PT4M59S"),
        ("vmSize", "  ", "must not be empty"),
        ("displayName", "x" * 1025, "must have at most 1,024 characters, found 1,025"),
    ],
)
def test_pool_values_out_of_range_are_refused_with_the_range(field, value, problem):
    with pytest.raises(SpecError) as caught:
        pool_to_rest({**POOL_BODY, field: value})
    assert (caught.value.path, caught.value.problem) == (f"pool.{field}", problem)


@pytest.mark.parametrize("interval", ["PT4M59S", "P7DT1S"])
def test_an_evaluation_interval_outside_5_minutes_to_168_hours_is_refused(interval):
    body = {**POOL_BODY, "enableAutoScale": True, "autoScaleFormula": "$x=1;"}
    with pytest.raises(SpecError, match=r"autoScaleEvaluationInterval: must be PT5M to P7D, found"):
        pool_to_rest({**body, "autoScaleEvaluationInterval": interval})
    for legal in ("PT5M", "PT168H"):
        pool_to_rest({**body, "autoScaleEvaluationInterval": legal})


@pytest.mark.parametrize("priority", [-1001, 1001])
def test_a_job_priority_outside_its_range_is_refused(priority):
    with pytest.raises(SpecError, match=r"^job\.priority: must be -1,000 to 1,000, found"):
        job_to_rest({"id": "j", "poolInfo": {"poolId": "p"}, "priority": priority})


@pytest.mark.parametrize(
    ("constraints", "field"),
    [
        ({"maxTaskRetryCount": -2}, "maxTaskRetryCount"),
        ({"retentionTime": "-PT1S"}, "retentionTime"),
        ({"maxWallClockTime": timedelta(seconds=-1)}, "maxWallClockTime"),
    ],
)
def test_task_constraints_below_their_range_are_refused(constraints, field):
    with pytest.raises(SpecError, match=rf"^task\.constraints\.{field}: must be at least "):
        task_to_rest({**TASK_BODY, "constraints": constraints})


def test_a_task_takes_at_least_one_slot():
    with pytest.raises(SpecError, match=r"^task\.requiredSlots: must be at least 1, found 0"):
        task_to_rest({**TASK_BODY, "requiredSlots": 0})


# --- command lines -------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", "  \n"])
def test_an_empty_command_line_is_refused(command):
    with pytest.raises(SpecError, match=r"^task\.commandLine: must not be empty"):
        task_to_rest({**TASK_BODY, "commandLine": command})


def test_a_command_line_has_at_most_the_bytes_that_linux_takes_in_one_argument():
    task_to_rest({**TASK_BODY, "commandLine": "x" * COMMAND_LINE_BYTES})
    with pytest.raises(SpecError, match=r"^task\.commandLine: has 131,072 bytes"):
        task_to_rest({**TASK_BODY, "commandLine": "x" * (COMMAND_LINE_BYTES + 1)})
    with pytest.raises(SpecError, match="bytes"):
        task_to_rest({**TASK_BODY, "commandLine": "ä" * (COMMAND_LINE_BYTES // 2 + 1)})
