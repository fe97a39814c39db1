"""Files and requests that nobody meant to make: seeds, mutations, and what must hold for each."""

NAMES = ("photo", "artifact", "archive", "journal", "request")
SECONDS = 5.0
"""For one photo; whatever takes three times as long hangs."""
