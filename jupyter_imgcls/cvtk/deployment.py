"""The name of 2018 for setting up Azure, which is not needed."""

__all__ = ["CliSetup"]


class CliSetup:
    """Did set up Azure's command line. Services run on this machine or on a Ray cluster."""

    def run(self) -> None:
        """Do nothing."""
