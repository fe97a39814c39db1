"""The names that the 2018 article has for the widgets; re-exports only."""
