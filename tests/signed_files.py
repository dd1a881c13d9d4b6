"""Files as they go out: finished, with what was signed in them on record."""

from pathlib import Path

from scanner import provenance
from scanner.service import Service


def signed_file(service: Service, path: Path, facts: provenance.FileFacts) -> Path:
    """Finish a file and put on record what its manifest says, as a delivery does."""
    signed, row = provenance.finished(service, path, facts)
    with service.database.transaction() as session:
        session.add(row)
    return signed
