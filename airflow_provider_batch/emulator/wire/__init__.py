"""The protocol: signatures, query options, times, bodies, rendering. Knows no engine and no HTTP server."""
