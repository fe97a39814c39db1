"""The steps of the dashboard, one a module."""
