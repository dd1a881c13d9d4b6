"""What makes takes: each engine in each version, what is known of it, and whether it may."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime, json_type


class GeneratorEngine(SQLModel, table=True):
    """An engine in one version, of the whole installation.

    ``manifest`` holds the weights' SHA-256, their data, licence and card; ``test`` what the test for memorised
    pieces found.
    """

    __tablename__ = "generator_engine"
    __table_args__ = (
        UniqueConstraint("name", "engine_version", name="uq_generator_engine_version"),
    )

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=100)
    engine_version: str = Field(max_length=100)
    state: str = Field(max_length=20)
    manifest: dict[str, Any] = Field(sa_type=json_type())
    test: dict[str, Any] | None = Field(default=None, sa_type=json_type())
    tested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str | None = Field(default=None, max_length=500)
    version: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
