"""Where a service runs."""
