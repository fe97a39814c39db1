"""A small renderer for the sample photos: crockery and cutlery on a table."""
