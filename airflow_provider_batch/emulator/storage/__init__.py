"""Reads and deletes the files of tasks and nodes, and nothing outside their directories."""
