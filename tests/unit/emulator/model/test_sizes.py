"""The table of VM sizes: names that the service has listed, and what they count as."""

from __future__ import annotations

import pytest

from airflow_provider_batch.emulator.model.sizes import SIZES, SizeList, cores_of, is_well_formed


@pytest.mark.parametrize(
    ("name", "family", "cores", "memory_gib", "gpus"),
    [
        ("Standard_A8m_v2", "standardAv2Family", 8, 64, 0),
        ("Standard_D96ads_v5", "standardDADSv5Family", 96, 384, 0),
        ("Standard_DS13_v2", "standardDSv2Family", 8, 56, 0),
        ("Standard_E20ds_v4", "standardEDSv4Family", 20, 160, 0),
        ("Standard_F72s_v2", "standardFSv2Family", 72, 144, 0),
        ("Standard_GS5", "standardGSFamily", 32, 448, 0),
        ("Standard_HB120-16rs_v3", "standardHBv3Family", 16, 456, 0),
        ("Standard_L8as_v3", "standardLASv3Family", 8, 64, 0),
        ("Standard_NC64as_T4_v3", "Standard NCASv3_T4 Family", 64, 448, 4),
        ("Standard_NC80adis_H100_v5", "StandardNCadsH100v5Family", 80, 640, 2),
    ],
)
def test_a_size_that_the_service_has_listed_is_in_the_table(
    name: str, family: str, cores: int, memory_gib: float, gpus: int
) -> None:
    size = SIZES[name.lower()]
    assert (size.name, size.family, size.cores, size.gpus) == (name, family, cores, gpus)
    assert size.memory_gib == pytest.approx(memory_gib, rel=0.03)


@pytest.mark.parametrize(
    ("name", "cores"),
    [
        ("standard_d2s_v3", 2),
        ("STANDARD_D15_V2", 20),
        ("standard_a1", 1),
        ("basic_a4", 8),
        ("standard_e8-2s_v5", 2),
        ("standard_d48s_v9", 48),
        ("small", 1),
    ],
)
def test_cores_are_those_of_the_table_or_of_the_name(name: str, cores: int) -> None:
    assert cores_of(name) == cores


def test_names_are_spelled_as_azure_does_and_well_formed() -> None:
    assert all(is_well_formed(size.name) and size.name[0].isupper() for size in SIZES.values())
    assert not is_well_formed("small")
    assert not is_well_formed("standard_")


@pytest.mark.parametrize("burstable", ["standard_b2ms", "standard_b1s", "standard_a0"])
def test_batch_has_no_burstable_sizes(burstable: str) -> None:
    assert burstable not in SizeList()


def test_a_further_size_is_listed_and_known_in_any_case() -> None:
    sizes = SizeList(["Standard_D4ads_v9"])
    assert "standard_d4ads_V9" in sizes
    assert "standard_d4ads_v9" not in SizeList()
    (further,) = (size for size in sizes if size.name == "Standard_D4ads_v9")
    assert (further.family, further.cores) == ("standardDADSv9Family", 4)
    assert len(list(sizes)) == len(SIZES) + 1
