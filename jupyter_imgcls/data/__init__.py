"""Photos and their labels: creating, splitting, augmenting and collecting datasets."""
