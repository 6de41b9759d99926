"""Triggers: what waits for Azure Batch in the triggerer, without a worker."""
