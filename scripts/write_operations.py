"""
Write the tables of operations in ``docs/emulator.md`` anew, from the emulator's routes.

Run ``python scripts/write_operations.py`` after a change of the routes; a test compares the page with them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from airflow_provider_batch.emulator.routes.management_table import MANAGEMENT_OPERATIONS, ManagementOperation
from airflow_provider_batch.emulator.routes.table import OPERATIONS, Operation

PAGE = Path(__file__).parents[1] / "docs" / "emulator.md"

_GENERATED = re.compile(r"(?<=<!-- operations -->\n).*?(?=<!-- end of operations -->)", re.DOTALL)
_ACCOUNT = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Batch"


def tables() -> str:
    """Return the tables as Markdown."""
    served = sum(operation.handler is not None for operation in MANAGEMENT_OPERATIONS)
    return "\n".join(
        [
            f"\n### Data plane: {len(OPERATIONS)} operations\n",
            "The names are those of the SDK's methods, without `begin_`.\n",
            *_table(OPERATIONS),
            f"\n### Management plane: {served} of {len(MANAGEMENT_OPERATIONS)}\n",
            f"The names are groups and methods of azure-mgmt-batch. `...` stands for\n`{_ACCOUNT}`.\n",
            *_table(MANAGEMENT_OPERATIONS),
            "\n",
        ]
    )


def _table(operations: Iterable[Operation | ManagementOperation]) -> Iterator[str]:
    yield "| operation | request | |"
    yield "|---|---|---|"
    for operation in operations:
        state = "" if operation.handler is not None else "501"
        request = f"{operation.method} {operation.path.replace(_ACCOUNT, '...')}"
        yield f"| `{operation.name}` | `{request}` | {state} |"


def with_tables(page: str) -> str:
    """
    Return the text of the page with the tables of today.

    :raises ValueError: the page has no place for them.
    """
    text, count = _GENERATED.subn(lambda _: tables(), page)
    if count != 1:
        raise ValueError("the page has no '<!-- operations -->' and '<!-- end of operations -->'")
    return text


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} has {len(OPERATIONS) + len(MANAGEMENT_OPERATIONS)} operations\n")
