"""The classifier as a web service: the service, where it runs, its client, its load test."""
