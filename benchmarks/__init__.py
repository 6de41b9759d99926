"""What the provider costs: each module with a ``main`` is one comparison; see ``docs/benchmarks.md``."""
