"""The ``ocp-range`` header of file downloads."""

from __future__ import annotations

import re

from airflow_provider_batch.emulator import errors

_PATTERN = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII)


def slice_of(header: str | None, size: int) -> tuple[int, int]:
    """
    Return the first byte that is wanted and how many follow from it.

    :param header: ``bytes=first-last``, ``bytes=first-`` or ``bytes=-length``; None for the whole file.
    :param size: present size of the file in bytes.
    :raises ServiceError: ``InvalidHeaderValue`` when it is no range, ``InvalidRange`` (416) when it starts at
        or behind the end of the file.
    """
    if header is None:
        return 0, size
    match = _PATTERN.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        raise errors.invalid_header_value("ocp-range", header)
    if not match[1]:
        length = min(int(match[2]), size)
        first, last = size - length, size - 1
    else:
        first = int(match[1])
        last = min(int(match[2]), size - 1) if match[2] else size - 1
        if match[2] and int(match[2]) < first:
            raise errors.invalid_header_value("ocp-range", header)
    if first >= size:
        raise errors.invalid_range()
    return first, last - first + 1
