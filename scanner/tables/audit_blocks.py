"""Hashes of whole pieces of the chains' Merkle trees, so that a proof need not read a whole chain."""

from sqlmodel import Field, SQLModel


class AuditBlock(SQLModel, table=True):
    """The root over one piece of a chain's leaves, hexadecimal; piece ``number`` counts from 0.

    Nothing rests on it: what does not lead to a signed root is computed anew.
    """

    __tablename__ = "audit_block"

    chain: str = Field(primary_key=True, max_length=36)
    number: int = Field(primary_key=True)
    hash: str = Field(max_length=64)
