"""Files between the browser and the dashboard."""
