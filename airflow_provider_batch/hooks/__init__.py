"""From an Airflow connection to a client of Azure Batch; nothing else."""
