"""Runs the command lines: directories, environment, resource files, processes and their end."""
