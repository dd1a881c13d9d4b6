"""Prompts for generation, and what stands against them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from scanner.schemas.common import Answer


class PromptAsked(BaseModel):
    """A request for music, in words."""

    model_config = ConfigDict(extra="forbid")

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=5000)]
    protected: list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] = Field(
        [], max_length=1000, description="Names to look for beyond those of the catalogue."
    )


class PromptObjection(BaseModel):
    """Words of the prompt that stand against it."""

    signal: Literal["artist", "title", "quoted-lyrics", "hate"]
    words: str
    start: int = Field(description="Characters before them.")
    end: int
    protects: str | None = Field(description="The protected name that they are taken for.")


class PromptAnswer(Answer):
    """Whether a prompt may be answered, and how to say it otherwise."""

    accepted: bool
    signals: list[str]
    objections: list[PromptObjection]
    rephrase: list[str]
    rephrase_texts: list[dict[str, str]] = Field(
        description="The same by language: en, de, fr, es."
    )
