"""
What the service keeps: pools, nodes, jobs and tasks, as plain data without behaviour.

All times are aware UTC datetimes with microseconds; all durations are timedeltas, None for "no limit". Specs
are frozen and come from users; the other classes belong to the machine, which alone changes them.
"""
