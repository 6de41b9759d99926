"""Links from an Airflow task to what it made in Azure."""
