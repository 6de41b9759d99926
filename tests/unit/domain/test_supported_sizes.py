"""A VM size that Batch does not have is refused before anything is created; the unknowable is not judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_batch.domain.auto_pools import brought_pool
from airflow_provider_batch.domain.labels import pool_labels
from airflow_provider_batch.domain.supported_sizes import RegionSizes, check_vm_size, nearest_sizes
from airflow_provider_batch.exceptions import BatchUnavailableError, SpecError
from tests.unit.domain.fake_batch import FakeBatch, Process
from tests.unit.domain.plans import POOL_BODY, WORK, account

EUROPE = RegionSizes(
    "westeurope",
    [
        "Standard_D2s_v3",
        "Standard_D2s_v5",
        "Standard_D4s_v5",
        "Standard_D64s_v3",
        "Standard_D64_v3",
        "Standard_E8-2s_v5",
        "Standard_F8s_v2",
        "Standard_L8s_v3",
        "Standard_M32ms",
        "Standard_NC24ads_A100_v4",
    ],
)


def pool(vm_size: str = "standard_d2s_v9", **more: Any) -> dict[str, Any]:
    return {**POOL_BODY, "id": "new", "vmSize": vm_size, **more}


def brought() -> dict[str, Any]:
    """A pool that a job brings, with our labels."""
    described = {name: value for name, value in pool().items() if name != "id"}
    made = brought_pool({"poolInfo": {"autoPoolSpecification": {"pool": described}}}, pool_labels(WORK))
    assert made is not None
    return made


def checked(
    body: dict[str, Any],
    batch: FakeBatch | None = None,
    region: Callable[[], RegionSizes | None] = lambda: EUROPE,
) -> Process:
    process = Process(batch or account())
    process.drive(check_vm_size(body, region, "batch_pool"))
    return process


def nobody_asks() -> RegionSizes | None:
    raise AssertionError("the management plane was asked")


def test_an_unknown_size_is_refused_with_field_region_nearest_sizes_and_remedy() -> None:
    batch = account()
    with pytest.raises(SpecError) as caught:
        checked(pool(), batch)
    assert str(caught.value) == (
        "batch_pool.vmSize: Batch has no VM size 'standard_d2s_v9' in westeurope; did you mean "
        "'standard_d2s_v5' or 'standard_d2s_v3' or 'standard_d4s_v5'? "
        "('az batch location list-skus --location westeurope' shows all 10)"
    )
    assert list(batch.pools) == ["p1"]


def test_without_a_like_name_the_remedy_is_all() -> None:
    with pytest.raises(SpecError, match=r"'standard_zz77' in westeurope; 'az batch location list-skus"):
        checked(pool("standard_zz77"))


@pytest.mark.parametrize("vm_size", ["standard_d2s_v5", "STANDARD_D2S_V5", "Standard_E8-2s_v5"])
def test_a_size_that_is_there_is_accepted_in_any_case(vm_size: str) -> None:
    assert checked(pool(vm_size)).logs == []


@pytest.mark.parametrize("known", [lambda: None, lambda: RegionSizes("westeurope", [])])
def test_what_cannot_be_known_is_no_error(known: Callable[[], RegionSizes | None]) -> None:
    assert checked(pool(), region=known).logs == []


def test_of_a_pool_that_exists_nothing_is_asked() -> None:
    assert checked(pool(id="p1"), region=nobody_asks).logs == []


def test_a_pool_that_is_being_deleted_will_be_created_again() -> None:
    batch = account()
    batch.pools["p1"]["state"] = "deleting"
    with pytest.raises(SpecError, match="no VM size"):
        checked(pool(id="p1"), batch)


def test_a_pool_that_a_job_brings_is_refused_until_it_has_been_made() -> None:
    batch = account()
    with pytest.raises(SpecError, match="no VM size"):
        checked(brought(), batch)
    batch.pools["made-1"] = {**brought(), "id": "made-1"}
    assert checked(brought(), batch, nobody_asks).logs == []


def test_a_look_that_fails_is_no_error() -> None:
    batch = account()
    batch.fail("get_pool", BatchUnavailableError("the connection broke off"))
    assert "The VM size is not looked up: " in checked(pool(), batch, nobody_asks).text


@pytest.mark.parametrize(
    ("meant", "first"),
    [
        ("standard_ds64_v3", "standard_d64_v3"),
        ("standard_d2s_v99", "standard_d2s_v5"),
        ("standard_d2_s_v5", "standard_d2s_v5"),
        ("STANDARD_F8S_V3", "standard_f8s_v2"),
        ("standard_e8-3s_v5", "standard_e8-2s_v5"),
        ("standard_nc24_a100_v4", "standard_nc24ads_a100_v4"),
        ("standrd_d4s_v5", "standard_d4s_v5"),
    ],
)
def test_the_same_cores_and_the_same_family_are_nearest(meant: str, first: str) -> None:
    known = ["standard_ds4_v2", *(size.lower() for size in EUROPE.sizes)]
    assert nearest_sizes(meant, known)[0] == first


def test_another_family_of_other_size_is_not_near_whatever_its_letters() -> None:
    """A pool of the B series is not meant to become one of the dearest machines."""
    assert nearest_sizes("standard_b2ms", ["standard_m32ms"]) == []
