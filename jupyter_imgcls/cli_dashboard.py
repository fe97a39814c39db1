"""The command ``imgcls dashboard``."""
