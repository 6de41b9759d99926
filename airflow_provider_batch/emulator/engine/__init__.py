"""Joins the machine, the clock, the processes and the files behind one lock."""
