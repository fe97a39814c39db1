"""Waiting in a Jupyter kernel without blocking its messages."""
