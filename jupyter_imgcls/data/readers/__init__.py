"""Reading datasets from folders, tables and JSON, and writing them."""
