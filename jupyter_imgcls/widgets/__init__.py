"""The widgets for Jupyter notebooks; import each from its own module."""
