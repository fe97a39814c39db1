"""The web service: one ASGI application for one classifier."""
