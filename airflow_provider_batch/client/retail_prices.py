"""
List prices from the Azure Retail Prices API: public, without a key, and never worth waiting for.

Who asks gets an answer within a short time, or none: what costs money is not held up by the question what it
costs. Answers are kept on disk for a day, failures for some minutes.

Source: "Azure Retail Prices overview" (https://prices.azure.com/api/retail/prices).
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.domain.prices import (
    Price,
    PriceSettings,
    PriceTable,
    read_retail_price,
    retail_query,
)

__all__ = ["RetailPrices", "default_cache_folder"]

_log = logging.getLogger(__name__)

ADDRESS = "https://prices.azure.com/api/retail/prices"
#: seconds that all questions of one call may take together
LIMIT = 4.0
#: seconds for which a price is taken as it is
PRICE_AGE = 24 * 3600.0
#: seconds for which nothing is asked after it failed
FAILURE_AGE = 600.0
#: one size in one region has about ten meters, a page has up to a thousand
MAX_PAGES = 5
MAX_BYTES = 5_000_000


class PricesUnavailableError(Exception):
    """The API could not be asked, or answered something else than prices."""


def default_cache_folder() -> Path | None:
    """Return where answers are kept: a folder of the user's cache; None for a user who has no home."""
    root = os.environ.get("XDG_CACHE_HOME")
    try:
        caches = Path(root) if root else Path.home() / ".cache"
    except RuntimeError:  # in a container, under an id that it does not know
        return None
    return caches / "airflow_provider_batch" / "prices"


class RetailPrices:
    """
    Asks for prices in one region and currency.

    :param region: for example ``westeurope``.
    :param currency: code of the currency.
    :param cache: folder for answers; None to keep none.
    :param address: of the API.
    :param limit: seconds after which a call returns what it has.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self,
        region: str,
        currency: str,
        *,
        cache: Path | None = None,
        address: str = ADDRESS,
        limit: float = LIMIT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._region = region
        self._currency = currency
        self._cache = cache
        self._address = address
        self._limit = limit
        self._clock = clock

    def complete(self, settings: PriceSettings, machines: Iterable[Machine]) -> tuple[PriceTable, str | None]:
        """
        Add prices to what the user gives.

        :param settings: what the user gives; its prices stay as they are.
        :param machines: whose prices are wanted.
        :return: the table, and why a price is missing in it; None when nothing failed.
        """
        table, problem = settings.table, None
        deadline = time.monotonic() + self._limit
        wanted = {m._replace(is_spot=False) for m in machines if settings.table.per_hour(m) is None}
        for machine in sorted(wanted):
            if not machine.vm_size:
                continue
            try:
                price = self._price(machine.vm_size, machine.is_windows, deadline)
            except PricesUnavailableError as error:
                problem = str(error)
                break
            table = _with_price(table, machine, price, settings.table)
        return table, problem

    def _price(self, vm_size: str, is_windows: bool, deadline: float) -> Price:
        kept = self._read(vm_size, is_windows)
        if kept is not None:
            if (failure := kept.get("failure")) is not None:
                raise PricesUnavailableError(f"{failure} (asked before)")
            return Price(kept.get("dedicated"), kept.get("spot"))
        try:
            items = _in_time(lambda: self._ask(vm_size), deadline)
        except PricesUnavailableError as error:
            self._keep(vm_size, is_windows, {"failure": str(error)})
            raise
        price = read_retail_price(items, vm_size, is_windows=is_windows)
        self._keep(vm_size, is_windows, asdict(price))
        return price

    # --- the API ----------------------------------------------------------------------------------

    def _ask(self, vm_size: str) -> list[Mapping[str, Any]]:
        items: list[Mapping[str, Any]] = []
        address, query = self._address, retail_query(vm_size, self._region, self._currency)
        with requests.Session() as session:
            for _ in range(MAX_PAGES):
                page = _page(session, address, query, self._limit)
                items += [item for item in page.get("Items") or () if isinstance(item, Mapping)]
                link = page.get("NextPageLink")
                if not link:
                    break
                if not self._is_same_place(str(link)):
                    raise PricesUnavailableError("the next page is said to be somewhere else")
                address, query = str(link), {}
        return items

    def _is_same_place(self, link: str) -> bool:
        # The service writes its links with a port (``:443``), whether or not it was asked with one.
        here, there = urlsplit(self._address), urlsplit(link)
        ports = [part.port or (443 if part.scheme == "https" else 80) for part in (here, there)]
        return (here.scheme, here.hostname, ports[0]) == (there.scheme, there.hostname, ports[1])

    # --- what is kept -----------------------------------------------------------------------------

    def _file(self, vm_size: str, is_windows: bool) -> Path | None:
        if self._cache is None:
            return None
        key = json.dumps([self._address, self._region, self._currency, vm_size.lower(), is_windows])
        return self._cache / f"{sha256(key.encode()).hexdigest()[:24]}.json"

    def _read(self, vm_size: str, is_windows: bool) -> Mapping[str, Any] | None:
        file = self._file(vm_size, is_windows)
        if file is None:
            return None
        try:
            kept = json.loads(file.read_text())
            age = self._clock() - float(kept["at"])
            limit = FAILURE_AGE if kept.get("failure") is not None else PRICE_AGE
            amounts = [kept.get(kind) for kind in ("dedicated", "spot")]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # not there, or damaged: it is asked for again
        is_sound = all(amount is None or isinstance(amount, (int, float)) for amount in amounts)
        return kept if is_sound and 0 <= age < limit else None

    def _keep(self, vm_size: str, is_windows: bool, what: Mapping[str, Any]) -> None:
        file = self._file(vm_size, is_windows)
        if file is None:
            return
        part = file.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_text(json.dumps({"at": self._clock(), **what}))
            part.replace(file)
        except OSError as error:
            _log.debug("Prices are not kept in %s: %s", self._cache, error)


def _with_price(table: PriceTable, machine: Machine, price: Price, given: PriceTable) -> PriceTable:
    """Return the table with what was found; what the user gave stays."""
    own = given.by_size.get(machine.vm_size, Price())
    merged = Price(
        price.dedicated if own.dedicated is None else own.dedicated,
        price.spot if own.spot is None else own.spot,
    )
    if machine.is_windows:
        return replace(table, windows_by_size={**table.windows_by_size, machine.vm_size: merged})
    return replace(table, by_size={**table.by_size, machine.vm_size: merged})


def _in_time(ask: Callable[[], list[Mapping[str, Any]]], deadline: float) -> list[Mapping[str, Any]]:
    """Ask in a thread of its own: name resolution, for one, knows no time limit."""
    answers: list[list[Mapping[str, Any]]] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits, which raises it
            errors.append(error)

    thread = threading.Thread(target=run, name="azure-retail-prices", daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0.0))
    if errors:
        raise errors[0] if isinstance(errors[0], PricesUnavailableError) else _unavailable(errors[0])
    if not answers:
        raise PricesUnavailableError("there was no answer in time")
    return answers[0]


def _unavailable(error: Exception) -> PricesUnavailableError:
    # Whatever it was: an answer that nobody foresaw is no price, and no reason to fail what asks for it.
    return PricesUnavailableError(f"{type(error).__name__}: {str(error)[:200]}")


def _page(
    session: requests.Session, address: str, query: Mapping[str, str], limit: float
) -> Mapping[str, Any]:
    with session.get(
        address, params=dict(query), timeout=limit, stream=True, allow_redirects=False
    ) as answer:
        if answer.status_code != 200:
            raise PricesUnavailableError(f"HTTP {answer.status_code}")
        content = b""
        for chunk in answer.iter_content(65536):
            content += chunk
            if len(content) > MAX_BYTES:
                raise PricesUnavailableError("the answer is too long")
    page = json.loads(content)
    if not isinstance(page, Mapping):
        raise PricesUnavailableError("the answer is no object")
    return page
