"""The names of 2018 for constants."""
