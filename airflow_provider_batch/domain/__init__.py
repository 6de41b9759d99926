"""What the provider knows about Azure Batch, as pure functions: no Airflow, no SDK, no clock, no I/O."""
