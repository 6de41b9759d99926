"""Cores and spelling of VM sizes follow from their names; what does not follow is not guessed."""

from __future__ import annotations

import pytest

from airflow_provider_batch.domain.vm_sizes import canonical_size, cores_of


@pytest.mark.parametrize(
    ("vm_size", "cores"),
    [
        ("standard_d4s_v5", 4),
        ("STANDARD_D4S_V5", 4),
        ("standard_d2_v3", 2),
        ("standard_e96ias_v4", 96),
        ("standard_e8-2s_v5", 2),
        ("standard_b2ms", 2),
        ("standard_f1s", 1),
        ("standard_nc24ads_a100_v4", 24),
        ("standard_hb120rs_v3", 120),
        ("standard_hb120-16rs_v3", 16),
        ("standard_a2m_v2", 2),
        ("standard_a4_v2", 4),
        # the figure is a rank
        ("standard_a0", 1),
        ("standard_a3", 4),
        ("standard_a11", 16),
        ("standard_d11", 2),
        ("standard_d4_v2", 8),
        ("standard_ds13_v2", 8),
        ("standard_d15_v2", 20),
        ("standard_ds11-1_v2", 1),
        ("standard_gs5", 32),
        ("basic_a2", 2),
        # it does not tell
        ("standard_a12", None),
        ("standard_d21_v2", None),
        ("standard_d0s_v9", None),
        ("small", None),
        ("extralarge", None),
        ("standard_", None),
        ("", None),
        (None, None),
        ("d4s_v5", None),
    ],
)
def test_cores_follow_from_the_name(vm_size: str | None, cores: int | None) -> None:
    assert cores_of(vm_size) == cores


@pytest.mark.parametrize(
    "written",
    [
        "Standard_D4s_v5",
        "Standard_E8-2ds_v5",
        "Standard_NC24ads_A100_v4",
        "Standard_ND96isr_MI300X_v5",
        "Standard_HB120-16rs_v3",
        "Standard_DS13_v2",
        "Standard_B2ms",
        "Standard_DS2_v2_Promo",
        "Basic_A1",
    ],
)
def test_a_size_is_written_as_in_the_price_list(written: str) -> None:
    assert canonical_size(written.lower()) == written
    assert canonical_size(written.upper()) == written


@pytest.mark.parametrize("text", ["small", "", "_", "standard_"])
def test_what_is_no_size_stays_as_it_is(text: str) -> None:
    assert canonical_size(text) == text
