"""The command ``clearance``. Heavy imports wait until a command needs them."""

from scanner.cli.main import main

__all__ = ["main"]
