"""
The VM sizes that Batch has, as far as they are known here, with what they count as.

Source: the lists of supported sizes that Batch gave in all its regions, as microsoft/ga4gh-tes keeps them
(2025); "Sizes for virtual machines in Azure" for what they leave out. Batch has no burstable ones (B series).
One that is newer than these tables is told to the emulator with ``--vm-size``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

_NAME = re.compile(
    r"(?:standard|basic)_(?P<letters>[a-z]+)(?P<figure>[0-9]+)(?:-(?P<usable>[0-9]+))?(?P<rest>[a-z0-9_-]*)",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class VmSize:
    """One size; memory in GiB."""

    name: str
    family: str
    cores: int
    memory_gib: float
    gpus: int = 0
    is_arm: bool = False


class _Series(NamedTuple):
    """
    Sizes whose names differ in a figure.

    :param letters: what stands before the figure.
    :param rests: what may stand after it, features and version; ``-`` for nothing.
    :param memory: GiB for each core of the figure.
    :param figures: numbers of cores; ``8-2`` for a machine of 8 of which 2 may be used.
    :param family: of the quota; by the rule of their names when it is empty.
    :param gpu: cores of the figure for each GPU; 0 without GPUs.
    """

    letters: str
    rests: str
    memory: float
    figures: str
    family: str = ""
    gpu: int = 0


_TO_64 = "2 4 8 16 32 48 64"
_TO_96 = f"{_TO_64} 96"
_TO_192 = f"{_TO_96} 128 192"
_E_TO_64 = "2 4 8 16 20 32 48 64"
_E_TO_96 = f"{_E_TO_64} 96"
_E_CONSTRAINED = "4-2 8-2 8-4 16-4 16-8 32-8 32-16 64-16 64-32"
_M_CONSTRAINED = "8-2 8-4 16-4 16-8 32-8 32-16 64-16 64-32 128-32 128-64"

_SERIES = (
    # general purpose
    _Series("A", "_v2", 2, "1 2 4 8"),
    _Series("A", "m_v2", 8, "2 4 8", "standardAv2Family"),
    _Series("D", "_v3 s_v3 _v4 s_v4 d_v4 ds_v4", 4, _TO_64),
    _Series("D", "a_v4 as_v4 _v5 s_v5 d_v5 ds_v5 as_v5 ads_v5 as_v6 ads_v6", 4, _TO_96),
    _Series("D", "ls_v5 lds_v5 als_v6 alds_v6", 2, _TO_96),
    _Series("D", "ps_v5 pds_v5", 4, _TO_64),
    _Series("D", "pls_v5 plds_v5", 2, _TO_64),
    _Series("D", "s_v6 ds_v6", 4, _TO_192),
    _Series("D", "ls_v6 lds_v6", 2, f"{_TO_96} 128"),
    _Series("D", "ps_v6 pds_v6", 4, _TO_96),
    _Series("D", "pls_v6 plds_v6", 2, _TO_96),
    _Series("DC", "s_v2", 4, "1 2 4"),
    _Series("DC", "_v2", 4, "8"),
    _Series("DC", "s_v3 ds_v3", 8, "1 2 4 8 16 24 32 48"),
    _Series("DC", "as_v5 ads_v5 es_v5 eds_v5 as_v6 ads_v6", 4, _TO_96),
    # for computing
    _Series("F", "- s", 2, "1 2 4 8 16"),
    _Series("F", "s_v2", 2, f"{_TO_64} 72"),
    _Series("F", "als_v6", 2, _TO_64),
    _Series("F", "as_v6", 4, _TO_64),
    _Series("F", "ams_v6", 8, _TO_64),
    _Series("FX", "mds", 21, "4 12 24 36 48", "standardFXMDVSFamily"),
    _Series("FX", "ms_v2 mds_v2", 21, "2 4 8 12 16 24 32 48 64 96"),
    # for memory
    _Series("E", "_v3 s_v3 _v4 s_v4 d_v4 ds_v4", 8, _E_TO_64),
    _Series("E", "i_v3 is_v3", 6.75, "64"),
    _Series("E", "is_v4 ids_v4", 6.3, "80", "standardXEIDSv4Family"),
    _Series("E", "a_v4 as_v4 _v5 s_v5 d_v5 ds_v5 as_v5 ads_v5 as_v6 ads_v6", 8, _E_TO_96),
    _Series("E", "s_v3 s_v4 ds_v4 as_v4", 8, _E_CONSTRAINED),
    _Series("E", "s_v5 ds_v5 as_v5 ads_v5", 8, f"{_E_CONSTRAINED} 96-24 96-48"),
    _Series("E", "ias_v4", 7, "96"),
    _Series("E", "i_v5 is_v5 id_v5 ids_v5", 6.5, "104"),
    _Series("E", "ias_v5 iads_v5", 6, "112"),
    _Series("E", "bs_v5 bds_v5", 8, _TO_96),
    _Series("E", "ibs_v5 ibds_v5", 6, "112"),
    _Series("E", "ps_v5 pds_v5", 8, "2 4 8 16 20 32"),
    _Series("E", "ps_v6 pds_v6", 8, _TO_96),
    _Series("E", "s_v6 ds_v6", 8, f"{_E_TO_96} 128"),
    _Series("E", "is_v6 ids_v6", 9.5, "192"),
    _Series("EC", "as_v5 ads_v5 as_v6 ads_v6", 8, _E_TO_96),
    _Series("EC", "es_v5 eds_v5", 8, _E_TO_64),
    _Series("M", "ts", 6, "32", "standardMSFamily"),
    _Series("M", "ls", 8, "32 64", "standardMSFamily"),
    _Series("M", "- s", 16, "64 128", "standardMSFamily"),
    _Series("M", "m", 28, "64 128", "standardMSFamily"),
    _Series("M", "ms", 28, f"8 16 32 64 128 {_M_CONSTRAINED}", "standardMSFamily"),
    _Series("M", "s_v2 ds_v2", 16, "64 128"),
    _Series("M", "ms_v2 dms_v2", 28, "32 64 128"),
    _Series("M", "is_v2 ids_v2", 10.7, "192"),
    _Series("M", "ims_v2 idms_v2", 21.3, "192"),
    _Series("M", "s_v2", 13.7, "208 416"),
    _Series("M", "ms_v2", 27.4, "208 416", "standardMSv2Family"),
    _Series("M", "s_v3 ds_v3", 20, "12 24"),
    _Series("M", "s_1_v3 ds_1_v3", 10, "48 96"),
    _Series("M", "s_2_v3 ds_2_v3", 20, "96"),
    _Series("M", "s_3_v3 ds_3_v3 s_4_v3 ds_4_v3", 16, "176"),
    # for storage
    _Series("L", "s", 8, "4 8 16 32"),
    _Series("L", "s_v2 s_v3 as_v3", 8, "8 16 32 48 64 80"),
    _Series("L", "s_v4 as_v4", 8, "2 4 8 16 32 48 64 80 96"),
    _Series("L", "aos_v4", 8, "2 4 8 12 16 24 32"),
    # with GPUs or other accelerators
    _Series("NC", "- s_v2", 18.67, "6 12 24", gpu=6),
    _Series("NC", "s_v3", 18.67, "6 12 24", "standardNCSv3Family", gpu=6),
    _Series("NC", "r rs_v2", 18.67, "24", gpu=6),
    _Series("NC", "rs_v3", 18.67, "24", "standardNCSv3Family", gpu=6),
    _Series("NC", "as_T4_v3", 7, "4 8 16 64", "Standard NCASv3_T4 Family", gpu=16),
    _Series("NC", "ads_A10_v4", 6.9, "8 16 32", gpu=32),
    _Series("NC", "ads_A100_v4", 9.17, "24 48 96", "StandardNCADSA100v4Family", gpu=24),
    _Series("NC", "ads_H100_v5", 8, "40", "StandardNCadsH100v5Family", gpu=40),
    _Series("NC", "adis_H100_v5", 8, "80", "StandardNCadsH100v5Family", gpu=40),
    _Series("NCC", "ads_H100_v5", 8, "40", gpu=40),
    _Series("ND", "s", 18.67, "6 12 24", gpu=6),
    _Series("ND", "rs", 18.67, "24", gpu=6),
    _Series("ND", "rs_v2", 16.8, "40", gpu=5),
    _Series("ND", "asr_v4", 9.4, "96", gpu=12),
    _Series("ND", "amsr_A100_v4", 20, "96", "standard NDAMSv4_A100Family", gpu=12),
    _Series("ND", "isr_H100_v5 isr_H200_v5 isr_MI300X_v5", 20, "96", gpu=12),
    _Series("ND", "isr_NDR_GB200_v6", 7, "128", gpu=32),
    _Series("NG", "ads_V620_v1", 2, "8 16 32", "StandardNGADSV620v1Family", gpu=32),
    _Series("NG", "adms_V620_v1", 5.5, "32", "StandardNGADSV620v1Family", gpu=32),
    _Series("NP", "s", 16.8, "10 20 40", gpu=10),
    _Series("NV", "- s_v2", 9.3, "6 12 24", gpu=6),
    _Series("NV", "s_v3", 9.33, "12 24 48", gpu=12),
    _Series("NV", "as_v4", 3.5, "4 8 16 32", "standardNVSv4Family", gpu=32),
    _Series("NV", "ads_A10_v5", 12.22, "6 12 18 36 72", "StandardNVADSA10v5Family", gpu=36),
    _Series("NV", "adms_A10_v5", 24.44, "36", "StandardNVADSA10v5Family", gpu=36),
    _Series("NV", "ads_V710_v5", 5.7, "4 8 12 24 28", gpu=28),
    # for HPC
    _Series("H", "-", 7, "8 16"),
    _Series("H", "m", 14, "8 16"),
    _Series("H", "r", 7, "16"),
    _Series("H", "mr", 14, "16"),
    _Series("HB", "rs", 3.8, "60 60-15 60-30 60-45", "standardHBSFamily"),
    _Series("HB", "rs_v2", 3.8, "120 120-16 120-32 120-64 120-96", "standardHBrsv2Family"),
    _Series("HB", "rs_v3", 3.8, "120 120-16 120-32 120-64 120-96", "standardHBv3Family"),
    _Series("HB", "rs_v4", 4.36, "176 176-24 176-48 176-96 176-144", "standardHBv4Family"),
    _Series("HB", "rs_v5", 1.19, "368 368-48 368-96 368-144 368-192 368-240 368-288 368-336"),
    _Series("HC", "rs", 8, "44 44-16 44-32", "standardHCSFamily"),
    _Series("HX", "rs", 8, "176 176-24 176-48 176-96 176-144", "standardHXFamily"),
)

#: the oldest sizes, whose figure is a rank: name with a place for it, family, GiB for a core, cores by rank
_RANKED: tuple[tuple[str, str, float, Mapping[str, int]], ...] = (
    ("Basic_A{}", "basicAFamily", 1.75, {"1": 1, "2": 2, "3": 4, "4": 8}),
    ("Standard_A{}", "standardA0_A7Family", 1.75, {"1": 1, "2": 2, "3": 4, "4": 8}),
    ("Standard_A{}", "standardA0_A7Family", 7, {"5": 2, "6": 4, "7": 8}),
    ("Standard_A{}", "standardA8_A11Family", 7, {"8": 8, "9": 16, "10": 8, "11": 16}),
    ("Standard_G{}", "standardGFamily", 14, {"1": 2, "2": 4, "3": 8, "4": 16, "5": 32}),
    ("Standard_GS{}", "standardGSFamily", 14, {"1": 2, "2": 4, "3": 8, "4": 16, "5": 32}),
    *(
        (f"Standard_{letters}{{}}{rest}", f"standard{letters}{rest[1:]}Family", memory, ranks)
        for letters in ("D", "DS")
        for rest in ("", "_v2")
        for memory, ranks in (
            (3.5, {"1": 1, "2": 2, "3": 4, "4": 8}),
            (7, {"11": 2, "12": 4, "13": 8, "14": 16}),
        )
    ),
    *(
        (f"Standard_{letters}{{}}_v2", f"standard{letters}v2Family", memory, ranks)
        for letters in ("D", "DS")
        for memory, ranks in ((3.5, {"5": 16}), (7, {"15": 20}))
    ),
    ("Standard_DS{}_v2", "standardDSv2Family", 14, {"11-1": 1, "12-1": 1, "12-2": 2}),
    ("Standard_DS{}_v2", "standardDSv2Family", 14, {"13-2": 2, "13-4": 4, "14-4": 4, "14-8": 8}),
)


def _family_of(letters: str, rest: str) -> str:
    features, _, version = rest.partition("_")
    return f"standard{letters}{features.upper()}{version}Family"


def _sizes() -> Iterator[VmSize]:
    for series in _SERIES:
        for word in series.rests.split():
            rest = "" if word == "-" else word
            for figure in series.figures.split():
                whole, _, usable = figure.partition("-")
                yield VmSize(
                    name=f"Standard_{series.letters}{figure}{rest}",
                    family=series.family or _family_of(series.letters, rest),
                    cores=int(usable or whole),
                    memory_gib=round(int(whole) * series.memory, 2),
                    gpus=max(1, int(whole) // series.gpu) if series.gpu else 0,
                    is_arm="p" in rest.partition("_")[0],
                )
    for name, family, memory, ranks in _RANKED:
        for rank, cores in ranks.items():
            yield VmSize(name.format(rank), family, cores, cores * memory)


SIZES: Mapping[str, VmSize] = {size.name.lower(): size for size in _sizes()}
"""Every known size, by its name in lower case."""


def cores_of(vm_size: str) -> int:
    """
    Return the number of cores of a VM size; of one that is not known by its name, 1 when that does not tell.

    ``standard_d2s_v3`` has 2, ``standard_e4-2s_v5`` has 4 of which 2 may be used. Of the oldest sizes
    (``standard_d11``) the figure is a rank, which only a table knows.

    :param vm_size: in any case.
    """
    known = SIZES.get(vm_size.lower())
    return _by_its_name(vm_size).cores if known is None else known.cores


def _by_its_name(vm_size: str) -> VmSize:
    found = _NAME.fullmatch(vm_size)
    if found is None:
        return VmSize(vm_size, "", cores=1, memory_gib=4)
    cores = int(found["usable"] or found["figure"])
    return VmSize(vm_size, _family_of(found["letters"].upper(), found["rest"]), cores, 4 * cores)


def is_well_formed(vm_size: str) -> bool:
    """
    Whether a text is built as the name of a VM size is.

    :param vm_size: in any case.
    """
    return _NAME.fullmatch(vm_size) is not None


class SizeList:
    """
    The sizes that pools of this account may have: those that are known, and further ones.

    :param further: names of sizes that are newer than the table.
    """

    def __init__(self, further: Iterable[str] = ()) -> None:
        own = {name.lower(): _by_its_name(name) for name in further}
        self._sizes = {**own, **SIZES}

    def __contains__(self, vm_size: object) -> bool:
        return isinstance(vm_size, str) and vm_size.lower() in self._sizes

    def __iter__(self) -> Iterator[VmSize]:
        return iter(self._sizes.values())
