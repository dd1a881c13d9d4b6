"""Catalogues that rights holders send by the file."""

from typing import Literal

from pydantic import BaseModel, Field

from scanner.schemas.common import Answer, Moment


class RowCounts(BaseModel):
    """Rows by what became of them; in a dry run, by what would."""

    waiting: int
    added: int
    changed: int
    known: int = Field(description="All that they say is so already.")
    refused: int


class CatalogueImportAnswer(Answer):
    """A file that is taken in, or was."""

    id: str
    holder_id: str
    file_name: str
    form: Literal["csv", "ern", "zip"]
    files_of: str | None
    dry_run: bool
    state: Literal["waiting", "running", "done", "failed"]
    problem: str | None = Field(description="Why nothing of the file could be taken in.")
    rows: int
    counts: RowCounts
    report_url: str
    created_at: Moment
    ended_at: Moment | None


class CatalogueImports(Answer):
    """A page of imports, newest first."""

    items: list[CatalogueImportAnswer]
    next_cursor: str | None
