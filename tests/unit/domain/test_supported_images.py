"""Which of several images is the newest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain.supported_images import SupportedImage, newest_of, version_of
from airflow_provider_batch.specs.image_names import name_matches
from tests.unit.domain.fake_batch import supported_image

NUMBERS = st.integers(0, 3000)
NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True)


def image(offer: str, sku: str, agent: str = "batch.node.x 1", **more: Any) -> SupportedImage:
    return SupportedImage.read(supported_image("acme", offer, sku, agent, **more))


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("22_04-lts", (22, 4)),
        ("22_04-LTS-Gen2", (22, 4)),
        ("9-gen2", (9,)),
        ("10-gen1", (10,)),
        ("2022-datacenter-g2", (2022,)),
        ("ubuntu-24_04-lts", (24, 4)),
        ("almalinux-x86_64", ()),
        ("batch.node.windows amd64", ()),
        ("batch.node.ubuntu 24.04", (24, 4)),
        ("2022-datacenter-core", (2022,)),
        ("oxygen7", (7,)),
    ],
)
def test_the_version_is_the_numbers_of_a_name_without_hardware(name: str, version: tuple[int, ...]) -> None:
    assert version_of(name) == version


@given(st.tuples(NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS))
def test_versions_are_ordered_as_numbers_and_not_as_text(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    images = [image("os", f"{major}_{minor}-LTS") for major, minor in (one, other)]
    assert newest_of(images).sku == "{}_{}-LTS".format(*max(one, other))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (image("os", "9-gen2"), image("os", "10-gen2")),
        (image("os", "10-gen1"), image("os", "10-gen2")),
        (image("os", "server-gen1"), image("os", "server")),
        (image("os", "22_04-lts-gen2"), image("os", "22_04-lts")),
        (image("os", "2019-datacenter"), image("os", "2022-datacenter")),
        (image("os", "2022-datacenter-core"), image("os", "2022-datacenter")),
        (image("os-11", "11-gen2"), image("os-12", "12")),
        # The SKU alone would say otherwise.
        (image("win-2019", "server-2019"), image("win-2022", "server-22")),
        # So would the offers: the release of the node agent decides first.
        (
            image("ubuntu-99", "22_04-lts", "batch.node.ubuntu 22.04"),
            image("ubuntu-24_04-lts", "server", "batch.node.ubuntu 24.04"),
        ),
    ],
    ids=lambda given: given.sku,
)
def test_of_two_images_the_newer_is_found(older: SupportedImage, newer: SupportedImage) -> None:
    assert newest_of([older, newer]) == newest_of([newer, older]) == newer


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=6), st.randoms())
def test_the_newest_does_not_depend_on_the_order_of_the_list(
    names: list[tuple[str, str, str]], random: Any
) -> None:
    images = [image(*each) for each in names]
    shuffled = list(images)
    random.shuffle(shuffled)
    assert newest_of(images) == newest_of(shuffled)


@given(NAMES, st.data())
def test_a_name_is_itself_in_any_case_and_every_pattern_made_of_it_matches(name: str, data: Any) -> None:
    assert name_matches(name.upper(), name.lower())
    start = data.draw(st.integers(0, len(name)))
    end = data.draw(st.integers(start, len(name)))
    assert name_matches(f"{name[:start]}*{name[end:]}".swapcase(), name)
    assert name_matches("?" * len(name), name)
    assert not name_matches("?" * (len(name) + 1), name)
    assert not name_matches(f"{name}x", name)


@pytest.mark.parametrize("name", ["x86", "xa86", "x[8]6"])
def test_what_is_no_wildcard_stands_for_itself(name: str) -> None:
    assert name_matches("x.86", name) is False
    assert name_matches("x[8a]6", name) is False


def test_what_the_list_says_is_read_without_case() -> None:
    listed = supported_image(
        "acme",
        "os",
        "1",
        osType="Linux",
        verificationType="Verified",
        capabilities=["DockerCompatible"],
        batchSupportEndOfLife="2026-05-31T00:00:00Z",
    )
    found = SupportedImage.read(listed)
    assert (found.os_type, found.is_verified) == ("linux", True)
    assert found.capabilities == {"dockercompatible"}
    assert found.end is not None
    assert found.end.isoformat() == "2026-05-31T00:00:00+00:00"
    assert found.is_named({"publisher": "ACME", "offer": "O*", "sku": "?"})
