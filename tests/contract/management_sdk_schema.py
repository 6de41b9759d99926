"""
The request bodies of the management plane as azure-mgmt-batch's models describe them, as plain data.

Beside ``sdk_schema``; ``python -m tests.contract.management_sdk_schema`` prints it anew.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from azure.mgmt.batch.models import _models as sdk_models

from tests.contract.sdk_schema import SchemaBuilder

#: Request bodies by the operation that takes them.
ROOTS: dict[str, str] = {
    "batch_account_create": "BatchAccountCreateParameters",
    "batch_account_update": "BatchAccountUpdateParameters",
    "batch_account_regenerate_key": "BatchAccountRegenerateKeyParameters",
    "location_check_name_availability": "CheckNameAvailabilityParameters",
    "application_create": "Application",
    "application_update": "Application",
    "application_package_create": "ApplicationPackage",
    "application_package_activate": "ActivateApplicationPackageParameters",
    "pool_create": "Pool",
    "pool_update": "Pool",
}


def build() -> dict[str, Any]:
    """The whole schema: operations, models and enumerations."""
    builder = SchemaBuilder(read_only=True)
    operations = {operation: builder.model(getattr(sdk_models, name)) for operation, name in ROOTS.items()}
    return {
        "apiVersion": "2025-06-01",
        "operations": operations,
        "models": dict(sorted(builder.models.items())),
        "enums": dict(sorted(builder.enums.items())),
    }


if __name__ == "__main__":
    json.dump(build(), sys.stdout, indent=1)
    sys.stdout.write("\n")
