"""Sign-ins at an identity provider that have begun and not come back yet."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from scanner.tables.columns import UtcDateTime


class SignIn(SQLModel, table=True):
    """A browser on its way to the provider; it is removed when the browser comes back, so it counts once.

    Of ``state`` and of the browser's cookie only the SHA-256 is kept.
    """

    __tablename__ = "console_sign_in"

    digest: str = Field(primary_key=True, max_length=64)
    browser: str = Field(max_length=64)
    nonce: str = Field(max_length=64)
    verifier: str = Field(max_length=128)
    next_path: str | None = Field(default=None, max_length=1001)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
