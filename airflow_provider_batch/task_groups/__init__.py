"""Task groups: Airflow graphs that Azure Batch runs as one job."""
