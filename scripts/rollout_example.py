"""Write the worked example of docs/policy-rollout.md: its commands are run, and what they print is kept.

The tracks have declarations and no audio: eight decided by the packaged pack as it is, three of them declared
to be made by AI. Ids of tracks, logins and times differ with each run, so the page has words for them.

Run: python -m scripts.rollout_example
"""

import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from typer.testing import CliRunner

import policy
from scanner import inline, keys
from scanner.bus.relay import seal_batch
from scanner.callers import SCOPES, Caller
from scanner.cli.main import app
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.events import TrackAnalysed
from scanner.installation import initialise
from scanner.journal import Actor, record
from scanner.logs import configure
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import Analysis, Submission, Track

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "policy-rollout.md"
BEGIN: Final = "<!-- printed by python -m scripts.rollout_example -->\n"
END: Final = "<!-- end of what was printed -->\n"
FOUND: Final = dict.fromkeys(("fingerprint", "embedding", "composition", "watermark"), "ok")
PASSWORD: Final = "a long password of theirs"
LEADS: Final = ("ada@example.org", "bob@example.org")
CHANGE: Final = (
    """\
        - provenance == null
        - not: watermarks.exists(w, w.verdict == 'found')
    outcome: clear
""",
    """\
        - provenance == null
        - not: watermarks.exists(w, w.verdict == 'found')
    outcome: review
""",
)
"""In the rule `declared-without-provenance`: a person is to look at such tracks."""
AI: Final = {"ai_disclosure": {"vocals": "generated"}}


def commands() -> Iterator[tuple[str, str]]:
    """Yield each command as a reader types it, and what it printed."""
    with _installed() as home:
        pack = home / "careful.yaml"
        text = policy.default_pack_text()
        if text.count(CHANGE[0]) != 1:
            raise ValueError("the rule is another: change the example")
        changed = text.replace(*CHANGE).replace("name: default", "name: careful", 1)
        pack.write_text(_mended(changed), encoding="utf-8")
        ada, bob = (f"--login {lead}" for lead in LEADS)
        for line in (
            "policy test careful.yaml --json | tail -1",
            "policy lint careful.yaml",
            "policy backtest careful.yaml --since 2026-11-01",
            f"policy propose careful.yaml {ada}",
            f"policy approve careful.yaml {ada}",
            f"policy approve careful.yaml {bob}",
            f"policy activate careful.yaml {bob}",
            "policy list",
            f'policy rollback --reason "too many for two people" {bob}',
            "audit verify",
        ):
            yield f"clearance {line}", _run(home, line)


def section() -> str:
    """Return the part of the page between its two marks."""
    blocks = [f"```sh\n{command}\n```\n```\n{printed}```\n" for command, printed in commands()]
    return "\n".join(blocks)


def page(text: str, printed: str) -> str:
    """Return the page with another part between its marks."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{printed}{END}{rest.partition(END)[2]}"


def _mended(text: str) -> str:
    """Have the pack's own cases say what it decides now."""
    pack = policy.read_pack(text)
    lines = text.splitlines(keepends=True)
    for result in policy.test_pack(pack):
        if result.passed:
            continue
        start = next(n for n in range(result.line - 1, -1, -1) if "- name:" in lines[n])
        end = next(n for n in range(start, len(lines)) if "expect:" in lines[n])
        lines[end] = f"    expect: {{decision: {result.decision.decision}}}\n"
        while end + 1 < len(lines) and lines[end + 1].startswith("      "):
            del lines[end + 1]
    return "".join(lines)


@contextmanager
def _installed() -> Iterator[Path]:
    """Make an installation with eight tracks that the packaged pack has decided, and two policy leads."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(home=home, log_level="error")
        configure(settings)
        with Service(settings) as service:
            initialise(service, "admin@example.org")
            for lead in LEADS:
                keys.create_user(service, lead, "policy_lead", PASSWORD)
            with service.database.reading() as session:
                (tenant,) = keys.tenants(session)
            caller = Caller(tenant.id, Actor("example", "platform"), frozenset(SCOPES))
            for n in range(8):
                inline.drive(service, _analysed(service, caller, AI if n % 3 == 1 else {}))
            seal_batch(service.database)
        yield home


def _analysed(service: Service, caller: Caller, said: dict[str, Any]) -> str:
    """Write down a track of three minutes in which nothing was found; return its id."""
    now, track_id, analysis_id = service.now(), new_id(), new_id()
    own: dict[str, Any] = {"tenant_id": caller.tenant_id}
    track = Track(
        id=track_id,
        state="analysing",
        version=1,
        analysis_id=analysis_id,
        duration=180.0,
        created_at=now,
        updated_at=now,
        **own,
    )
    declared = Declaration.parse(said).to_json()
    submission = Submission(
        id=new_id(), track_id=track_id, entrance="api", declaration=declared, created_at=now, **own
    )
    analysis = Analysis(
        id=analysis_id,
        track_id=track_id,
        detectors=FOUND,
        versions={},
        audio={},
        warnings=[],
        seconds={},
        started_at=now,
        ended_at=now,
        **own,
    )
    told = TrackAnalysed(
        analysis_id=analysis_id, sha256=None, detectors=FOUND, index_version=None, matches=0
    )
    with service.database.transaction() as session:
        session.add(track)
        session.flush()
        session.add_all([submission, analysis])
        record(session, tenant_id=caller.tenant_id, subject=track_id, version=1, data=told, now=now)
    return track_id


def _run(home: Path, line: str) -> str:
    """Run a command in the installation and return what it prints, the same in each run."""
    words, _, tail = line.partition(" | ")
    arguments = [
        str(home / word) if word.endswith(".yaml") else word for word in shlex.split(words)
    ]
    settings = {"CLEARANCE_HOME": str(home), "CLEARANCE_PASSWORD": PASSWORD, "COLUMNS": "160"}
    done = CliRunner().invoke(app, arguments, env=os.environ | settings)
    printed = re.sub(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", _named(), done.output
    )
    printed = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "2026-11-26T10:00:00", printed)
    printed = re.sub(r"[\d.]+ tracks/s", "… tracks/s", printed)
    return printed.splitlines(keepends=True)[-1] if tail else printed


def _named() -> str:
    return "(an id)".ljust(36, " ")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), section()), encoding="utf-8")
