"""
What each operation means: one module per resource.

A service checks what the schema cannot, fills in the service's defaults, calls the engine, and writes what it
finds as JSON while it holds the engine's lock.
"""
