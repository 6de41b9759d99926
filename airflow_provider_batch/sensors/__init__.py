"""Sensors for work that was submitted elsewhere."""
