"""Who asks, and what is theirs: three crowds with one of each kind of caller, and one of everything that an address names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from scanner import (
    ages,
    appealing,
    consents,
    counter_notices,
    entry_links,
    flaggers,
    keys,
    letters,
    licensees,
    reasons,
    rescans,
    upkeep,
)
from scanner.ages import AgeSaid
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.consents import ConsentAsked
from scanner.console import sessions
from scanner.letters import Recipient
from scanner.service import Service
from scanner.streams import records
from scanner.tables import (
    Account,
    Appeal,
    Bank,
    Case,
    CounterNotice,
    EntryLink,
    Letter,
    Notice,
    Sanction,
    Share,
    StatementOfReasons,
    Take,
    TakeInvitation,
    User,
)
from tests import casework, claiming, noticed
from tests.running import add_tenant

if TYPE_CHECKING:
    from tests.console.conftest import World

ROLES: Final = {
    "admin": "admin",
    "reviewer": "reviewer",
    "officer": "appeals_officer",
    "lead": "policy_lead",
    "auditor": "auditor",
}
STAFF: Final = tuple(ROLES)
KINDS: Final = ("visitor", "link", "platform", *STAFF, "holder", "flagger", "creator")
"""Without anything; without a key and with the token of a letter; by a key; by the token of a creator's link."""
ANA: Final = "ana"
CODE: Final = "human.copied-twice"


@dataclass(frozen=True)
class Crowd:
    """One of each kind, of one platform: the token that they send, and who they are."""

    tokens: Mapping[str, str]
    users: Mapping[str, str]
    holder_id: str
    flagger_id: str
    account_id: str
    link_token: str


def crowd(
    service: Service, caller: Caller, name: str, account_id: str, holder_id: str, link_token: str,
    emails: Mapping[str, str] | None = None,
) -> Crowd:  # fmt: skip
    """Return a crowd whose keys have all that such a key can have; ``emails`` names logins that are there."""
    tenant_id, tokens, users = caller.tenant_id, {}, {}
    for kind, role in ROLES.items():
        email = (emails or {}).get(kind, f"{kind}@{name}.example")
        if kind not in (emails or {}):
            keys.create_user(service, email, role, tenant_id=tenant_id)
        made, tokens[kind] = keys.create_key(service, tenant_id, kind, user=email)
        users[kind] = str(made.user_id)
    tokens["platform"] = keys.create_key(service, tenant_id, "platform")[1]
    tokens["holder"] = keys.create_key(service, tenant_id, "holder", holder_id=holder_id)[1]
    flagger, tokens["flagger"] = flaggers.add(service, caller, name, f"desk@{name}.example")
    with service.database.reading() as session:
        external_id = session.get_one(Account, account_id).external_id
    tokens["creator"] = entry_links.make(service, caller, external_id, 24)[1]
    return Crowd(tokens, users, holder_id, flagger.id, account_id, link_token)


def crowds(world: "World") -> tuple[Crowd, Crowd, Crowd]:
    """Return who has what is there, others of the same platform, and those of another."""
    service, caller = world.service, world.caller
    other = add_tenant(service, "Elsewhere")
    with service.database.reading() as session:
        ana = session.exec(select(Account).where(Account.external_id == ANA)).one().id
        reviewer = session.exec(select(User).where(User.email == "reviewer@example.org")).one()
    token, wrong = world.ids["warning_token"], "x" * len(world.ids["warning_token"])
    own = crowd(
        service, caller, "own", ana, world.ids["holder_id"], token, {"reviewer": reviewer.email}
    )
    bea, zoe = (
        casework.account(service, caller, "bea").id,
        casework.account(service, other, "zoe").id,
    )
    near_label, far_label = claiming.holder(service, caller), claiming.holder(service, other)
    near = crowd(service, caller, "near", bea, near_label.id, wrong)
    far = crowd(service, other, "far", zoe, far_label.id, wrong)
    return own, near, far


def of_platform(world: "World", own: Crowd) -> dict[str, dict[str, str]]:
    """Return by kind of caller what an address is filled with: theirs, where somebody's it must be."""
    service, caller, ids = world.service, world.caller, world.ids
    exclusion = upkeep.exclude(service, caller, ids["reference_id"], 0, 1)
    ages.assure(service, caller, ANA, AgeSaid("document", band="adult"))
    words = {"verdicts": ["block"], "texts": {"en": "A copy."}}
    reasons.put(service, caller, CODE, **words)
    flagged = noticed.sent(service, caller, ids["limited_id"])
    with service.database.reading() as session:
        mine = session.get_one(Notice, ids["my_notice_id"])
    answer = noticed.COUNTER | {"location": [ids["noticed_id"]]}
    countered = counter_notices.file(service, caller, mine, ids["noticed_id"], answer)
    asked = AppealAsked("sanction", ids["warning_id"], "I was right.", token=own.link_token)
    by_link = appealing.file(service, None, asked)
    common = {
        **ids,
        "dead_id": ids["letter_id"],
        "over_id": ids["appeal_id"],
        "free_id": ids["appeal_id"],
        "account": ANA,
        "code": CODE,
        "type": "clearance.track.submitted",
        "version": "1",
        "object_id": ids["track_id"],
        "name": "score.mid",
        "account_id": own.account_id,
        "exclusion_id": exclusion.id,
        "rescan_id": rescans.start(service, caller).id,
        "stream_id": records.add(service, caller, "Radio", None).id,
        "licensee_id": licensees.add(service, caller, "Somebody").id,
    }
    with service.database.transaction() as session:
        session.get_one(Notice, flagged.id).flagger_id = own.flagger_id
        common |= _rows(session, world, own)
        _hold(session, world, own, common)
        post = {kind: _letter(session, world, *to).id for kind, to in _recipients(own).items()}
        appeal = session.get_one(Appeal, ids["appeal_id"])
        warned = session.get_one(Sanction, ids["warning_id"])
        taken_on = {"state": "assigned", "holder": own.users["officer"]}
        over = _copied(session, appeal, state="out_of_court").id
        decided_on = {"appeal_id": _copied(session, appeal, **taken_on).id, "over_id": over}
        theirs: dict[str, dict[str, str]] = {
            **dict.fromkeys(("admin", "reviewer", "officer", "lead"), decided_on),
            "creator": {
                "claim_id": ids["my_claim_id"],
                "dispute_id": ids["matter_id"],
                "notice_id": mine.id,
                "counter_id": countered.id,
                "appeal_id": _copied(session, appeal, account_id=own.account_id).id,
                "sanction_id": common["sanction_id"],
            },
            "holder": {
                "object_id": ids["notice_id"],
                "appeal_id": _copied(
                    session, appeal, filed_by=own.holder_id, filed_as="rights_holder"
                ).id,
                "sanction_id": _copied(
                    session, warned, party_kind="holder", party_id=own.holder_id
                ).id,
            },
            "flagger": {"notice_id": flagged.id, "object_id": flagged.id},
            "link": {"appeal_id": by_link.id, "sanction_id": ids["warning_id"]},
        }
        for sanction_id in (common["sanction_id"], theirs["holder"]["sanction_id"]):
            _stated(session, common["statement_id"], sanction_id)
    return {kind: common | {"letter_id": post[kind]} | theirs.get(kind, {}) for kind in KINDS}


def _rows(session: Session, world: "World", own: Crowd) -> dict[str, str]:
    """Return ids of what is there, or is put there without much ado."""
    tenant_id, now = world.caller.tenant_id, world.service.now()
    take = session.get_one(Take, world.ids["take_id"])
    invitation = TakeInvitation(
        id=new_id(), tenant_id=tenant_id, project_id=take.project_id, account_id=own.account_id,
        state="invited", created_at=now, expires_at=now + timedelta(days=9),
    )  # fmt: skip
    session.add(invitation)
    warned = session.get_one(Sanction, world.ids["warning_id"])
    counter = select(CounterNotice).where(CounterNotice.notice_id == world.ids["notice_id"])
    closed = select(Case.id).where(Case.tenant_id == tenant_id, Case.state == "closed")
    restricted = select(StatementOfReasons).where(col(StatementOfReasons.track_id).is_not(None))
    return {
        "invitation_id": invitation.id,
        "closed_id": session.exec(closed.where(Case.kind == "review")).first() or "",
        "sanction_id": _copied(session, warned, party_kind="account", party_id=own.account_id).id,
        "counter_id": session.exec(counter).one().id,
        "bank_id": session.exec(select(Bank.id).where(Bank.tenant_id == tenant_id)).first() or "",
        "share_id": session.exec(select(Share).where(Share.holder_id == own.holder_id)).one().id,
        "link_id": session.exec(
            select(EntryLink.id).where(EntryLink.account_id == own.account_id)
        ).first()
        or "",
        "statement_id": session.exec(restricted.where(StatementOfReasons.tenant_id == tenant_id))
        .first()
        .id,
        "made_track_id": take.track_id,
    }


def _hold(session: Session, world: "World", own: Crowd, ids: Mapping[str, str]) -> None:
    """Let the reviewer hold cases of a take's track and of what a statement is about."""
    now = world.service.now()
    statement = session.get_one(StatementOfReasons, ids["statement_id"])
    for track_id in (ids["made_track_id"], str(statement.track_id)):
        case = appeals.open_case(
            case_id=new_id(), tenant_id=world.caller.tenant_id, kind="review", reasons=[], now=now, track_id=track_id
        )  # fmt: skip
        case.state, case.holder, case.due_at = (
            "leased",
            own.users["reviewer"],
            now + timedelta(hours=4),
        )
        session.add(case)


def _stated(session: Session, like: str, sanction_id: str) -> None:
    """Give the reasons of a sanction."""
    nothing = {"track_id": None, "decision_id": None}
    of = {"matter_kind": "sanction", "matter_id": sanction_id, "what": "uploads", **nothing}
    row = session.get_one(StatementOfReasons, like)
    _copied(session, row, party_kind="account", party_id="x", effect="suspended", **of)


def _recipients(own: Crowd) -> dict[str, tuple[str, str]]:
    whose = {kind: ("user", own.users[kind]) for kind in STAFF}
    whose |= {"holder": ("holder", own.holder_id), "flagger": ("notifier", own.flagger_id)}
    return dict.fromkeys(KINDS, ("account", own.account_id)) | whose


def _letter(session: Session, world: "World", kind: str, id_: str) -> Letter:
    words = {"name": "Somebody", "decided": 4, "right": 1}
    return letters.write(
        session, Recipient(kind, id_), "flagger-lost", words,
        tenant_id=world.caller.tenant_id, now=world.service.now(),
    )  # fmt: skip


def _copied(session: Session, row: Any, **changes: Any) -> Any:
    made = type(row)(**row.model_dump() | {"id": new_id()} | changes)
    session.add(made)
    return made


def at_the_console(service: Service, caller: Caller, crowd: Crowd, name: str) -> dict[str, str]:
    """Return by role the token of a session of one of a crowd, each in by the door that is theirs."""
    holder, _ = keys.create_user(
        service, f"holder@{name}.example", "rights_holder", holder_id=crowd.holder_id
    )
    with service.database.reading() as session:
        people = {role: session.get_one(User, crowd.users[kind]) for kind, role in ROLES.items()}
        account = session.get_one(Account, crowd.account_id).external_id
    new = {"former": None, "language": None}
    found = {
        role: sessions.begin(service, user, **new)
        for role, user in {**people, "rights_holder": holder}.items()
    }
    asked = ConsentAsked(f"parent-{name}", ("upload",), "May they upload?", "v1")
    consent = consents.request(service, caller, account, asked).consent
    link = consents.grant(service, consent.id, caller.actor).token
    return found | {
        "creator": sessions.enter(service, crowd.tokens["creator"], **new),
        "parent": sessions.enter(service, str(link), **new),
    }
