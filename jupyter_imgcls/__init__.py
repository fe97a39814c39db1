"""Image classification inside Jupyter: from a folder of photos to a web service."""
