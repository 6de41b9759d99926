"""What ``make demo`` is made of; the system tests start the same parts."""
