"""The service's mind, a pure state machine: events in, instructions out; no clock, process or file."""
