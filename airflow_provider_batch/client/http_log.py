"""
Where the Azure SDK logs each request.

By default the SDK logs every request at INFO, about fifteen lines each, through a logger that a task log
includes: a polling task would log little else. It masks query values and ``Authorization`` there, so this is
about noise. We give it a logger of our own instead, silent below WARNING; set
``airflow_provider_batch.client.http`` to INFO to see the requests. The SDK's other log, of whole bodies and
headers, is never switched on.
"""

from __future__ import annotations

import logging

HTTP_LOGGER = logging.getLogger("airflow_provider_batch.client.http")
if HTTP_LOGGER.level == logging.NOTSET:
    HTTP_LOGGER.setLevel(logging.WARNING)
