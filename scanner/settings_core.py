"""The first part of the settings: where things lie, law and people, what the server takes in."""

import re
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CommaSeparated = Annotated[frozenset[str], NoDecode]
MOST_SHARDS: Final = 256
"""Each search waits for all of them."""


def parted(value: Any) -> Any:
    """Return the parts of a text with commas; anything else as it is."""
    if isinstance(value, str):
        return frozenset(part.strip() for part in value.split(",") if part.strip())
    return value


class CoreSettings(BaseSettings):
    """What `scanner.settings.Settings` begins with."""

    model_config = SettingsConfigDict(env_prefix="CLEARANCE_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".clearance"), description="Folder of everything local.")
    database_url: str | None = Field(
        default=None,
        repr=False,  # it may hold a password
        description="SQLAlchemy URL; `postgresql+psycopg://…` in production. "
        "Default: SQLite in the home folder.",
    )
    store_url: str | None = Field(
        default=None, description="Where audio is kept: a folder or `s3://bucket/prefix`."
    )
    store_options: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,  # they may hold keys
        description="JSON options for fsspec, e.g. an S3 endpoint.",
    )
    kafka: str | None = Field(
        default=None, description="host:port of a Kafka broker; unset: embedded bus."
    )
    kafka_partitions: int = Field(default=6, ge=1, le=1000, description="Partitions of each topic.")
    kafka_replication: int = Field(default=1, ge=1, description="Replicas of each topic.")
    kafka_session_timeout_ms: int = Field(
        default=6000, ge=1000, description="Consumer session timeout."
    )
    kafka_max_poll_interval_ms: int = Field(
        default=300_000,
        ge=1000,
        description="A consumer that polls less often loses its partitions.",
    )
    submission_token_hours: float = Field(
        default=24,
        gt=0,
        le=720,
        description="How long the token of a submission by message may still be good when it comes; five minutes more "
        "for clocks that differ.",
    )

    milvus_uri: str | None = Field(
        default=None,
        repr=False,  # it may hold a password
        description="Milvus that serves the vectors of references, `http://host:19530`; needs the "
        "extra `milvus`. Unset: they lie in the index folder. A path that ends in `.db` runs "
        "milvus-lite inside one process, for trying it out.",
    )
    milvus_token: SecretStr | None = Field(
        default=None, description="`user:password` or key of that Milvus."
    )

    index_shards: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Where the shards of the reference index are asked, in their order, with commas: "
        "`http://a:9000,http://b:9000` (docs/scale.md). Unset: the index lies in the home folder.",
    )
    index_shard_key: Path | None = Field(
        default=None,
        description="File of mode 0600 with the secret that shards are asked with, one a line. Default: "
        "`shards.key` in the home folder.",
    )
    index_shard_seconds: float = Field(
        default=60, gt=0, le=3600, description="How long one answer of a shard may take."
    )

    republish_seconds: float = Field(
        default=120,
        gt=0,
        description="Age at which an event that a group has not handled is sent again.",
    )

    language: Literal["en", "de", "fr", "es"] = Field(
        default="en",
        description="Language in which people are told whose own nobody declared.",
    )
    legal_zone: str = Field(
        default="America/New_York",
        description="Time zone, by its IANA name, whose days the clocks of law count.",
    )
    legal_country: str = Field(
        default="US",
        pattern="^[A-Z]{2}$",
        description="Country whose holidays are no business days, where a rule names none.",
    )

    public_url: str = Field(
        default="http://127.0.0.1:8080",
        pattern="^https?://[^/]+(/.*[^/])?$",
        description="Where people reach this service: the beginning of links in letters.",
    )
    flagger_precision: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="Share of a trusted flagger's decided notices that must have been right, below which "
        "the status is lost.",
    )
    flagger_minimum: int = Field(
        default=10, ge=1, description="Decided notices before that share is judged."
    )
    dmca_agent_name: str | None = Field(
        default=None, description="The designated agent for notices of infringement, as registered."
    )
    dmca_agent_address: str | None = Field(default=None, description="The agent's postal address.")
    dmca_agent_phone: str | None = Field(default=None, description="The agent's telephone number.")
    dmca_agent_email: str | None = Field(default=None, description="The agent's e-mail address.")
    dmca_agent_registration: str | None = Field(
        default=None, description="Number of the agent's registration with the Copyright Office."
    )
    dmca_agent_registered_at: date | None = Field(
        default=None,
        description="Day of that registration, or of its last renewal; it ends after three years.",
    )
    out_of_court_bodies: tuple[str, ...] = Field(
        default=(),
        description="Names of further certified bodies of out-of-court dispute settlement, as JSON.",
    )
    smtp_host: str | None = Field(
        default=None, description="Mail server that takes letters to people; unset: they wait."
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of the mail server.")
    smtp_tls: Literal["starttls", "tls", "off"] = Field(
        default="starttls",
        description="How the way to the mail server is encrypted; `off` only for one on this machine.",
    )
    smtp_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities that the mail server's certificate is checked "
        "against. Default: the system's.",
    )
    smtp_user: str | None = Field(default=None, description="Login at the mail server.")
    smtp_password: SecretStr | None = Field(default=None, description="Password of that login.")
    smtp_seconds: float = Field(
        default=30, gt=0, le=120, description="How long one answer of the mail server may take."
    )
    mail_from: str = Field(
        default="clearance@localhost",
        description="Address that letters come from; its domain is that of their Message-ID.",
    )
    mail_reply_to: str | None = Field(
        default=None, description="Address that answers to letters go to; unset: the sender's."
    )
    micro_or_small: bool = Field(
        default=False,
        description="A platform whose size was not set with `clearance tenant size` is a micro or small "
        "enterprise (DSA-19): nothing is sent to the EU's database of statements of reasons.",
    )
    dsa_database_url: str | None = Field(
        default=None,
        description="Address to which statements of reasons are posted, up to 100 at once: that of the "
        "EU's DSA Transparency Database ends in `/api/v1/statements`. Unset: none are.",
    )
    dsa_database_token: SecretStr | None = Field(
        default=None, description="Bearer token of that database."
    )
    reference_preview: Literal["none", "opus"] = Field(
        default="none",
        description="Sound kept of references for reviewers to compare with: `opus` is a mono file of 48 kbit/s, "
        "0.36 MB a minute. It is a copy of the recording: keep it where the holders of references agreed.",
    )
    undo_seconds: int = Field(
        default=600,
        ge=0,
        le=86_400,
        description="How long a reviewer can take a verdict back before it takes effect; 0: at once.",
    )
    second_review_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of verdicts that a second reviewer checks without seeing them.",
    )
    spot_check_share: float = Field(
        default=0.002,
        ge=0,
        le=1,
        description="Share of cleared tracks that a person looks at, so that what rules let pass is counted.",
    )
    second_review_hours: float = Field(
        default=24,
        gt=0,
        description="After how long the first verdict takes effect if nobody came to check it.",
    )
    case_target_hours: CommaSeparated = Field(
        default=frozenset({"*=72", "indeterminate=24", "dead_letter=24", "notice=24"}),
        description="Hours in which a case is to be decided, as KIND=HOURS; `*` for all others but `spot_check`.",
    )

    host: str = Field(default="127.0.0.1", description="Address the API listens on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port the API listens on.")
    servers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Processes of `clearance serve` that answer requests; each counts rates, turns and slots for "
        "itself.",
    )
    workers: int = Field(
        default=2, ge=0, le=256, description="Worker processes of `clearance serve`."
    )
    worker_niceness: int = Field(
        default=10,
        ge=0,
        le=19,
        description="How far these give way to requests where processors are short (`nice`). `clearance worker`, a "
        "process of its own, has what it is started with.",
    )
    worker_metrics: str | None = Field(
        default=None,
        description="Where `clearance worker` answers `/metrics` for itself alone, as `127.0.0.1:9101`: one address "
        "for each such process. Unset: nowhere.",
    )

    max_upload_bytes: int = Field(
        default=512 * 2**20, ge=1, description="Largest audio file accepted."
    )
    max_body_bytes: int = Field(
        default=4 * 2**20, ge=1024, description="Largest body without a file."
    )
    upload_stall_seconds: float = Field(
        default=30,
        gt=0,
        description="How long a body may pause, and the time after which its rate counts.",
    )
    upload_bytes_per_second: int = Field(
        default=10_000, ge=0, description="Least rate of a body, on average, before a 408."
    )
    allowed_hosts: CommaSeparated = Field(
        default=frozenset(),
        description="host:port pairs that may be fetched by plain http or privately. Of what a webhook there answers "
        "only the status is shown.",
    )
    s3_buckets: CommaSeparated = Field(
        default=frozenset(),
        description="Buckets that claim-check URLs may name as s3://bucket/key.",
    )

    @field_validator("allowed_hosts", "s3_buckets", "case_target_hours", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return parted(value)

    @field_validator("index_shards", mode="before")
    @classmethod
    def _in_order(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("index_shards", mode="after")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        form = r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
        if wrong := [each for each in value if re.fullmatch(form, each) is None]:
            raise ValueError(f"no address of a shard, as http://host:9000: {', '.join(wrong)}")
        if len(set(value)) < len(value):
            raise ValueError("each shard has an address of its own")
        if len(value) > MOST_SHARDS:
            raise ValueError(f"{MOST_SHARDS} shards at most")
        return value

    @field_validator("worker_metrics", mode="after")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            host, _, port = value.rpartition(":")
            if re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", host) is None:
                raise ValueError("no host and port, as 127.0.0.1:9101")
            if re.fullmatch("[0-9]{1,5}", port) is None or not 0 < int(port) <= 65535:
                raise ValueError("no port from 1 to 65535 at its end, as in 127.0.0.1:9101")
        return value

    @model_validator(mode="after")
    def _has_one_index(self) -> Self:
        if self.index_shards and self.milvus_uri is not None:
            raise ValueError(
                "CLEARANCE_INDEX_SHARDS and CLEARANCE_MILVUS_URI exclude each other: unset one"
            )
        return self

    @field_validator("milvus_uri", mode="after")
    @classmethod
    def _has_client(cls, value: str | None) -> str | None:
        if value is not None and find_spec("pymilvus") is None:
            raise ValueError("it needs pymilvus: install Clearance with its extra `milvus`")
        return value
