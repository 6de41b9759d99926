"""Azure Batch for Apache Airflow: hooks, operators, triggers, and a local emulator of the service."""

__version__ = "0.1.0"
