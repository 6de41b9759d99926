"""A simulated pool under simulated load, which shows what the formulas of the autoscale library do."""
