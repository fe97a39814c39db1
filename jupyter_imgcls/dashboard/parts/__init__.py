"""Parts that the steps of the dashboard share."""
