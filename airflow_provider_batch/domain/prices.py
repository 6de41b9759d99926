"""
Prices of VM sizes: a table that the user gives, and what the Azure Retail Prices API answers.

Retail prices are list prices: no reservation, saving plan, discount or tax is in them, and neither are disks,
addresses and traffic. Microsoft sets them in US dollars; those in other currencies are for orientation.

Source: "Azure Retail Prices overview".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.domain.vm_sizes import canonical_size
from airflow_provider_batch.exceptions import SpecError

__all__ = ["Price", "PriceSettings", "PriceTable", "read_price_settings", "read_retail_price", "retail_query"]

DEFAULT_CURRENCY = "USD"
_RETAIL_PRICES = "retail"


@dataclass(frozen=True)
class Price:
    """
    What one node of a VM size costs an hour.

    :param dedicated: of a dedicated node; None when it is not known.
    :param spot: of a spot node; None when it is not known.
    """

    dedicated: float | None = None
    spot: float | None = None


@dataclass(frozen=True)
class PriceTable:
    """
    Prices of one account.

    :param currency: code of the currency, for example ``EUR``.
    :param by_size: prices by VM size in lower case.
    :param windows_by_size: prices with Windows in them, where they differ.
    """

    currency: str = DEFAULT_CURRENCY
    by_size: Mapping[str, Price] = field(default_factory=dict)
    windows_by_size: Mapping[str, Price] = field(default_factory=dict)

    def per_hour(self, machine: Machine) -> float | None:
        """
        Return what a node costs an hour; None when that is not known.

        :param machine: what the node is.
        """
        price = self.by_size.get(machine.vm_size)
        if machine.is_windows:
            price = self.windows_by_size.get(machine.vm_size, price)
        if price is None:
            return None
        return price.spot if machine.is_spot else price.dedicated


@dataclass(frozen=True)
class PriceSettings:
    """
    Where prices come from, as the user says.

    :param table: prices that are given; they count before any others.
    :param asks_retail: whether to ask the Azure Retail Prices API for the rest.
    :param region: region to ask for; None for that of the account's address.
    """

    table: PriceTable = field(default_factory=PriceTable)
    asks_retail: bool = False
    region: str | None = None


def read_price_settings(given: Any, path: str = "prices") -> PriceSettings | None:
    """
    Read what a user says of prices; None when it is nothing.

    ``retail`` asks the Azure Retail Prices API. A mapping has prices by VM size, each a number (of a
    dedicated node) or ``{"dedicated": ..., "spot": ...}``, beside ``currency``, and ``retail``: true, or a
    region, to ask for what is not in it.

    :param given: the word, a mapping, or a mapping as JSON text.
    :param path: what to call it in messages.
    :raises SpecError: it is none of these; the message names the entry.
    """
    if given is None or given == "":
        return None
    if isinstance(given, str):
        if given.strip().lower() == _RETAIL_PRICES:
            return PriceSettings(asks_retail=True)
        try:
            given = json.loads(given)
        except ValueError:
            raise SpecError(path, f"{given!r} is neither {_RETAIL_PRICES!r} nor JSON") from None
    if not isinstance(given, Mapping):
        raise SpecError(path, f"must map VM sizes to prices, found {type(given).__name__}")
    entries = dict(given)
    currency = _currency(entries.pop("currency", DEFAULT_CURRENCY), path)
    retail = entries.pop(_RETAIL_PRICES, False)
    if not isinstance(retail, (bool, str)):
        raise SpecError(f"{path}.{_RETAIL_PRICES}", f"must be true, false or a region, found {retail!r}")
    table = {str(size).lower(): _price(price, f"{path}.{size}") for size, price in entries.items()}
    region = retail.replace(" ", "").lower() if isinstance(retail, str) else None
    return PriceSettings(PriceTable(currency, table), bool(retail), region or None)


def _currency(value: Any, path: str) -> str:
    if not (isinstance(value, str) and len(value) == 3 and value.isalpha()):
        raise SpecError(f"{path}.currency", f"{value!r} is no code of a currency, for example EUR")
    return value.upper()


def _price(value: Any, path: str) -> Price:
    if not isinstance(value, Mapping):
        return Price(dedicated=_amount(value, path))
    if unknown := value.keys() - {"dedicated", "spot"}:
        raise SpecError(path, f"{sorted(map(str, unknown))} are neither dedicated nor spot")
    return Price(**{kind: _amount(amount, f"{path}.{kind}") for kind, amount in value.items()})


def _amount(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise SpecError(path, f"{value!r} is no price an hour")
    return float(value)


# --- Azure Retail Prices API ----------------------------------------------------------------------


def retail_query(vm_size: str, region: str, currency: str) -> dict[str, str]:
    """
    Return the query of the request for the prices of one VM size.

    :param vm_size: the size.
    :param region: the region, for example ``westeurope``.
    :param currency: code of the currency.
    """
    wanted = {
        "serviceName": "Virtual Machines",
        "armSkuName": canonical_size(vm_size),
        "armRegionName": region,
        "priceType": "Consumption",
    }
    quoted = {name: value.replace("'", "''") for name, value in wanted.items()}
    return {
        "currencyCode": f"'{currency}'",
        "$filter": " and ".join(f"{name} eq '{value}'" for name, value in quoted.items()),
    }


def read_retail_price(items: Iterable[Mapping[str, Any]], vm_size: str, *, is_windows: bool = False) -> Price:
    """
    Find the price of a VM size among what the API answered.

    Of several meters for the same thing the newest counts. Low-priority nodes, which Batch had before spot,
    and the service *Cloud Services* have meters of their own, which do not count.

    :param items: the items of all pages.
    :param vm_size: the size.
    :param is_windows: the price is to have Windows in it.
    """
    newest: dict[str, tuple[str, float]] = {}
    for item in items:
        kind = _kind_of_meter(item, vm_size, is_windows)
        amount = item.get("retailPrice")
        if kind is None or isinstance(amount, bool) or not isinstance(amount, (int, float)) or amount < 0:
            continue
        candidate = (str(item.get("effectiveStartDate") or ""), float(amount))
        newest[kind] = max(newest.get(kind, candidate), candidate)
    return Price(**{kind: amount for kind, (_, amount) in newest.items()})


def _kind_of_meter(item: Mapping[str, Any], vm_size: str, is_windows: bool) -> str | None:
    sku, product = (str(item.get(name) or "").lower() for name in ("skuName", "productName"))
    if str(item.get("armSkuName") or "").lower() != vm_size.lower():
        return None
    if item.get("type") != "Consumption" or item.get("unitOfMeasure") != "1 Hour":
        return None
    if "low priority" in sku or "cloud services" in product or "cloudservices" in product:
        return None
    if ("windows" in product) != is_windows:
        return None
    return "spot" if sku.endswith("spot") else "dedicated"
