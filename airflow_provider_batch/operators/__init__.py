"""Operators: what a DAG author writes."""
