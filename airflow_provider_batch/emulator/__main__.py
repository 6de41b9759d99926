"""``python -m airflow_provider_batch.emulator``: the same as ``batch-emulator``."""

import sys

from airflow_provider_batch.emulator.cli import main

if __name__ == "__main__":
    sys.exit(main())
