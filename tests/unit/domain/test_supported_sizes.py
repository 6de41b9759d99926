"""A VM size that Batch does not have is refused before anything is created; the unknowable is not judged."""

from __future__ import annotations

import pytest

from airflow_provider_batch.domain.supported_sizes import RegionSizes, nearest_sizes
from airflow_provider_batch.exceptions import SpecError

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


def checked(vm_size: str) -> None:
    EUROPE.check(vm_size, "batch_pool.vmSize")


def test_an_unknown_size_is_refused_with_field_region_nearest_sizes_and_remedy() -> None:
    with pytest.raises(SpecError) as caught:
        checked("standard_d2s_v9")
    assert str(caught.value) == (
        "batch_pool.vmSize: Batch has no VM size 'standard_d2s_v9' in westeurope; did you mean "
        "'standard_d2s_v5' or 'standard_d2s_v3' or 'standard_d4s_v5'? "
        "('az batch location list-skus --location westeurope' shows all 10)"
    )


def test_without_a_like_name_the_remedy_is_all() -> None:
    with pytest.raises(SpecError, match=r"'standard_zz77' in westeurope; 'az batch location list-skus"):
        checked("standard_zz77")


@pytest.mark.parametrize("vm_size", ["standard_d2s_v5", "STANDARD_D2S_V5", "Standard_E8-2s_v5"])
def test_a_size_that_is_there_is_accepted_in_any_case(vm_size: str) -> None:
    checked(vm_size)


def test_of_a_region_without_sizes_nothing_is_known() -> None:
    RegionSizes("westeurope", []).check("standard_d2s_v9", "batch_pool.vmSize")


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
        ("D4s_v5", "standard_d4s_v5"),
    ],
)
def test_the_same_cores_and_the_same_family_are_nearest(meant: str, first: str) -> None:
    known = ["standard_ds4_v2", *(size.lower() for size in EUROPE.sizes)]
    assert nearest_sizes(meant, known)[0] == first


def test_another_family_of_other_size_is_not_near_whatever_its_letters() -> None:
    """A pool of the B series is not meant to become one of the dearest machines."""
    assert nearest_sizes("standard_b2ms", ["standard_m32ms"]) == []
