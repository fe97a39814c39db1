"""Services on a Ray cluster."""
