"""Backups: an installation goes into a folder while it runs, and comes back out of it.

`take` writes database, audio, index and checkpoints with a manifest of SHA-256 hashes; `restore` puts them into
an installation that is empty, and erases again whoever was erased since. Persons' keys are in no backup
(docs/decisions/0021).
"""

from scanner.backup.manifest import BackupError
from scanner.backup.restoring import Restored, restore
from scanner.backup.taking import Taken, take

__all__ = ["BackupError", "Restored", "Taken", "restore", "take"]
