"""The shapes of bodies and answers about takes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from scanner.schemas.common import Answer, Asked, Decision, Moment, ShortText
from scanner.schemas.people import GenerationAnswer
from scanner.take_variations import MOST_AT_ONCE, VariationAsked

MadeBy = Literal["human", "generated", "mixed"]
Bars = Annotated[list[int], Field(min_length=2, max_length=2)]


class VariationAskedFor(Asked):
    """What is to be made of a take."""

    account: ShortText | None = Field(None, description="For whom; default: the take's own.")
    locked: Annotated[list[ShortText], Field(max_length=8)] = Field(
        [], description="Stems that stay as they are, to the sample before mastering and marking."
    )
    locked_bars: Annotated[list[int], Field(max_length=400)] = Field(
        [], description="Bars, from 1, whose notes stay in every stem."
    )
    amount: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="How much of the rest is made anew."
    )
    count: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = Field(
        1, description="How many, side by side."
    )
    seed: Annotated[int, Field(ge=0, lt=2**53)] | None = Field(
        None, description="Of the first; each further one has the next."
    )
    stems: bool | None = Field(
        None, description="Whether the stems are cleared too; default: as with the take."
    )

    def asked(self) -> VariationAsked:
        """Return it as the service takes it."""
        return VariationAsked(
            **self.model_dump(exclude={"locked", "locked_bars"}),
            locked=tuple(self.locked),
            locked_bars=tuple(self.locked_bars),
        )


class Variations(Answer):
    """The generations that were asked for, each with what became of it."""

    items: list[GenerationAnswer]


class Node(Answer):
    """A take in its tree."""

    id: str
    parent_id: str | None = Field(
        description="What it was varied from; of a fork, another project's."
    )
    account: str | None
    engine: str
    engine_version: str
    locked: list[str]
    locked_bars: list[int]
    amount: float
    seed: int
    track_id: str
    state: str
    cleared: bool
    shared: bool
    created_at: Moment


class TakeBrief(Node):
    """A take in a list."""

    project_id: str


class Takes(Answer):
    """Takes, newest first."""

    items: list[TakeBrief]
    next_cursor: str | None


class Segment(Answer):
    """A run of bars of a stem, and who made it."""

    bars: Bars = Field(description="First and last, from 1.")
    made_by: MadeBy
    take_id: str = Field(description="In which take.")
    account: str | None


class TakeStemAnswer(Answer):
    """A stem of a take."""

    name: str
    instrument: str
    made_by: MadeBy
    midi: bool
    segments: list[Segment]


class Clearance(Answer):
    """What became of a take's track; no take has its clearance from another."""

    track_id: str
    state: str
    decision: Decision | None
    cleared: bool
    reasons: list[dict[str, Any]]
    problem: dict[str, Any] | None


class Resemblance(Answer):
    """What a take resembles, and where."""

    kind: str
    title: str | None
    reference_id: str | None
    score: float
    stem: str | None = Field(description="None: the mix.")
    bars: Bars = Field(description="First and last, from 1.")


class Download(Answer):
    """A file of a cleared take."""

    name: str
    href: str


class TakeAnswer(Node):
    """A take, whole."""

    project_id: str
    generation_id: str
    digest: str = Field(description="The generator's id: the same asked again has the same.")
    prompt: str
    asked: dict[str, Any]
    understood: list[dict[str, Any]]
    not_understood: list[str]
    ignored_controls: list[str]
    reasons: list[dict[str, Any]]
    bars: int
    seconds: float | None
    stems: list[TakeStemAnswer]
    credits: list[str] = Field(description="Everybody whose work it goes back to, the first first.")
    clearance: Clearance
    resembles: list[Resemblance]
    tries_left: int | None = Field(
        description="Of a refused take: how often it may be made anew away from what it resembles."
    )
    downloads: list[Download]
    version: int


class TreeAnswer(Answer):
    """A project: its takes, parents before children."""

    project_id: str
    account: str | None
    current: str | None = Field(description="The take that the project goes on from.")
    contributors: list[str]
    invited: list[str] = Field(description="Who is asked to work on it: told to whose it is.")
    nodes: list[Node]


class Contributors(Answer):
    """Accounts that may work on a project beside whose it is."""

    items: list[str]
    invited: list[str] = Field(description="Who is asked and has not answered.")


class Invitation(Answer):
    """What somebody sees of a project before they accept to work on it."""

    id: str
    state: Literal["invited", "accepted", "declined", "withdrawn", "expired", "ended"]
    account: str | None
    project: str = Field(description="The prompt that it began with, at most 80 characters of it.")
    invited_by: str | None = Field(description="Whose project it is; null: the platform's.")
    created_at: Moment
    expires_at: Moment


class Invitations(Answer):
    """Invitations that wait for an answer."""

    items: list[Invitation]
