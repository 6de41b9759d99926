"""What every request passes before an operation sees it; each module is one ASGI middleware."""
