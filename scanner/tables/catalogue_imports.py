"""Catalogues that rights holders send by the file, and what became of each row."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class CatalogueImport(SQLModel, table=True):
    """A file that a worker takes in (`scanner/catalogue_imports.py`).

    ``state`` is waiting, running, done or failed (``problem`` says why: none of it was taken in). ``form`` is
    csv, ern or zip. ``files_of`` is the earlier import whose ZIP holds the recordings.
    """

    __tablename__ = "catalogue_import"
    __table_args__ = (
        Index("ix_catalogue_import_state", "state", "leased_until"),
        Index("ix_catalogue_import_holder", "tenant_id", "holder_id", "id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    holder_id: str = Field(max_length=36, foreign_key="holder.id")
    actor_id: str = Field(max_length=36)
    actor_role: str = Field(max_length=30)
    file_name: str = Field(max_length=255)
    file_sha256: str = Field(max_length=64)
    form: str = Field(max_length=10)
    files_of: str | None = Field(default=None, max_length=36)
    dry_run: bool = False
    state: str = Field(default="waiting", max_length=20)
    problem: str | None = Field(default=None, max_length=1000)
    rows: int = 0
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CatalogueImportRow(SQLModel, table=True):
    """One recording of an import; ``errors`` names columns, ``line`` is that of the file it begins in.

    ``state`` is waiting, added, changed, known (nothing was to be done) or refused (nothing was done).
    """

    __tablename__ = "catalogue_import_row"
    __table_args__ = (
        Index("ix_catalogue_import_row_key", "tenant_id", "holder_id", "key"),
        Index("ix_catalogue_import_row_state", "import_id", "state"),
    )

    import_id: str = Field(primary_key=True, max_length=36)
    number: int = Field(primary_key=True)
    tenant_id: str = Field(max_length=36, foreign_key="tenant.id")
    holder_id: str = Field(max_length=36, foreign_key="holder.id")
    line: int
    key: str = Field(max_length=200)
    fields: dict[str, Any] = Field(default_factory=dict, sa_type=json_type())
    errors: list[dict[str, str]] = Field(default_factory=list, sa_type=json_type())
    state: str = Field(max_length=20)
    reference_id: str | None = Field(default=None, max_length=36)
    tries: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
