"""What bodies and answers share: their bases, problems, small types."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Decision = Literal["clear", "restrict", "review", "block", "indeterminate"]
ReferencePolicy = Literal["block", "monetise", "track"]
Title = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class Answer(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(extra="allow")

    sandbox: bool = Field(False, description="True where a sandbox key asked; absent otherwise.")


class Asked(BaseModel):
    """Base of every body that comes in: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`/problems/NAME`; the name is stable.")
    title: str
    status: int
    detail: str
    instance: str = Field("", description="The incident's id, also in the service's log.")
    errors: list["FieldError"] = Field([], description="One entry a field that is wrong.")


class FieldError(BaseModel):
    """A field that can't be taken."""

    field: str
    detail: str


class ProblemKind(BaseModel):
    """A kind of problem."""

    name: str
    status: int
    title: str
