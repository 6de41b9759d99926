"""
The addresses of the service: each handler maps path, query, headers and body to one service call.

Handlers never catch; the error middleware turns what is raised into the answer.
"""
