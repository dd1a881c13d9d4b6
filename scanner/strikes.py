"""Strikes: given for copyright notices that were acted on, counted after a week, fallen with them (DMCA-RI).

An account has one strike for a notice, however many of its tracks the notice took down; it stands as long as
the notice holds one of them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from scanner import (
    account_standing,
    letters,
    matters,
    measures,
    notice_tracks,
    recipients,
    redress,
    strike_policies,
)
from scanner.bus.dispatch import once
from scanner.journal import Event
from scanner.letter_dates import day
from scanner.tables import (
    Account,
    CounterNotice,
    Notice,
    NoticeTrack,
    StatementOfReasons,
    Strike,
    Track,
)

if TYPE_CHECKING:
    from scanner.service import Service

GROUP: Final = "strikes"
COUNTING: Final = ("pending", "active")
GIVEN: Final = (*COUNTING, "expired")
"""States of what was not taken back: the next strike weighs more after it, and it can be appealed (DSA-20)."""
RESTRICTED: Final = frozenset({"limited", "suspended"})
"""Standings by strikes that limit what an account uploads."""
_REASONS: Final[dict[str, Any]] = {
    "text": "So many strikes for copyright notices count that the policy against repeat infringers limits "
    "the account.",
    "texts": {
        "de": "Es zählen so viele Verwarnungen wegen Urheberrechtsmeldungen, dass das Konto nach den Regeln gegen "
        "wiederholte Verstöße eingeschränkt ist.",
        "fr": "Les avertissements pour notifications de droit d'auteur qui comptent sont si nombreux que les règles "
        "contre les infractions répétées limitent le compte.",
        "es": "Cuentan tantas faltas por notificaciones de derechos de autor que la política contra infracciones "
        "repetidas limita la cuenta.",
    },
}


def give(service: "Service", event: Event) -> None:
    """Give each account behind a track that a copyright notice took down a pending strike, once."""
    with once(service, GROUP, event) as session:
        notice = session.get(Notice, event.subject)
        if notice is None or notice.form != "dmca" or notice.state not in {"actioned", "countered"}:
            return
        for account_id, track_id in _accounts(session, notice):
            given = select(Strike.id).where(
                Strike.account_id == account_id,
                Strike.ground_kind == "notice",
                Strike.ground_id == notice.id,
            )
            if session.exec(given).first() is None:
                _give(service, session, notice, account_id, track_id, event)


def reverse_retracted(service: "Service", event: Event) -> None:
    """Take back the strikes of a notice that its sender took back."""
    with once(service, GROUP, event) as session:
        _reverse_all(service, session, _of_notice(session, event.subject), "notice retracted")


def reverse_restored(service: "Service", event: Event) -> None:
    """Take back the strikes for a track that came back by a counter-notice."""
    with once(service, GROUP, event) as session:
        counter = session.get(CounterNotice, event.subject)
        if counter is not None:
            row = session.get_one(NoticeTrack, (counter.notice_id, counter.track_id))
            fall(service, session, row, counter.account_id, "restored by counter-notice")


def fall(
    service: "Service",
    session: Session,
    row: NoticeTrack,
    account_id: str | None,
    ground: str,
    actor: appeals.Actor = matters.CLOCK,
) -> None:
    """Let the strike for a notice go with a track of the account's, if it was the last that the notice held."""
    if account_id is None:
        return
    held = [each for each in _held(session, row.notice_id) if each != (account_id, row.track_id)]
    left = [track_id for account, track_id in held if account == account_id]
    for strike in _of_notice(session, row.notice_id, account_id):
        if not left:
            reverse(service, session, strike, ground, actor)
        elif strike.track_id == row.track_id:
            strike.track_id = left[0]


def reverse(
    service: "Service",
    session: Session,
    strike: Strike,
    ground: str,
    actor: appeals.Actor = matters.CLOCK,
) -> None:
    """Take back a locked strike that counts, will or did; one that was taken back stays so."""
    if strike.state not in GIVEN:
        return
    matters.move(service, session, strike, "reverse", actor, parts={"ground": ground})
    strike.ended_for = ground[:200]
    _tell(service, session, strike, "strike-reversed")


def activate(service: "Service", session: Session, strike: Strike) -> None:
    """Let a strike count, since its week is over and nobody objected."""
    matters.move(service, session, strike, "activate", matters.CLOCK)
    policy = strike_policies.in_force(session, strike.tenant_id)
    session.get(
        Account, strike.account_id, with_for_update=True
    )  # one strike at a time takes a step
    who = (strike.tenant_id, strike.account_id)
    before = account_standing.by_strikes(session, *who, service.now())
    strike.active_from = service.now()
    strike.expires_at = service.now() + policy.decay
    session.flush()
    stands = account_standing.by_strikes(session, *who, service.now())
    stated = None
    if stands != before and stands in RESTRICTED:
        stated = _state(service, session, strike)
    _tell(service, session, strike, "strike-active", stated)


def expire(service: "Service", session: Session, strike: Strike) -> None:
    """Let a strike count no more."""
    matters.move(service, session, strike, "expire", matters.CLOCK)
    strike.ended_for = "its time is over"


def _accounts(session: Session, notice: Notice) -> list[tuple[str, str]]:
    """Return the accounts that a notice hit, each with its first track."""
    first: dict[str, str] = {}
    for account_id, track_id in _held(session, notice.id):
        first.setdefault(account_id, track_id)
    return sorted(first.items())


def _held(session: Session, notice_id: str) -> list[tuple[str, str]]:
    """Return account and track of what a notice holds; what waits for a person is not held yet."""
    query = (
        select(Track.account_id, Track.id)
        .join(NoticeTrack, col(NoticeTrack.track_id) == col(Track.id))
        .where(
            NoticeTrack.notice_id == notice_id,
            col(NoticeTrack.state).in_(notice_tracks.HOLDING),
            col(Track.account_id).is_not(None),
        )
    )
    rows = session.exec(query.order_by(col(Track.id)))
    return [(str(account_id), track_id) for account_id, track_id in rows]


def _give(
    service: "Service",
    session: Session,
    notice: Notice,
    account_id: str,
    track_id: str,
    event: Event,
) -> None:
    policy = strike_policies.in_force(session, notice.tenant_id)
    before = select(Strike.id).where(Strike.account_id == account_id, col(Strike.state).in_(GIVEN))
    again = session.exec(before.limit(1)).first() is not None
    strike = matters.new(
        Strike,
        notice.tenant_id,
        service.now(),
        account_id=account_id,
        ground_kind="notice",
        ground_id=notice.id,
        track_id=track_id,
        weight=policy.weight_again if again else policy.weight,
        policy_version=policy.version,
        deciders=list(notice.deciders),
        open_to_appeal=redress.offered(service, session, notice.tenant_id),
    )
    matters.opened(service, session, strike, matters.CLOCK, cause=event)
    _tell(service, session, strike, "strike-given")


def _of_notice(session: Session, notice_id: str, account_id: str | None = None) -> Sequence[Strike]:
    query = select(Strike).where(Strike.ground_kind == "notice", Strike.ground_id == notice_id)
    if account_id is not None:
        query = query.where(Strike.account_id == account_id)
    return session.exec(query.order_by(col(Strike.id)).with_for_update()).all()


def _reverse_all(service: "Service", session: Session, rows: Sequence[Strike], ground: str) -> None:
    for strike in rows:
        reverse(service, session, strike, ground)


def _state(service: "Service", session: Session, strike: Strike) -> StatementOfReasons:
    """Write the statement of the limits that the account has from now on, by the policy alone (DSA-17, DMCA-RI)."""
    measure = appeals.Measure(
        matter=(strike.KIND, strike.id),
        party=("account", strike.account_id),
        what="uploads",
        effect="limited",
        automated=True,
        source=appeals.Source("notice", "dmca", strike.ground_id),
    )
    said = _REASONS | {"rule": "strikes", "legal_basis": ["DMCA-RI"]}
    told = strike.open_to_appeal
    return measures.write(service, session, strike.tenant_id, measure, [said], open_to_appeal=told)


def _tell(
    service: "Service",
    session: Session,
    strike: Strike,
    template: str,
    stated: StatementOfReasons | None = None,
) -> None:
    to = recipients.account(service, session, strike.account_id, strike.track_id)
    zone = service.settings.legal_zone
    words: dict[str, Any] = {
        "statement": appeals.plain(stated, to.language, zone) if stated else "",
        "id": strike.id,
        "weight": strike.weight,
        "track_id": strike.track_id,
        "counts_from": day(strike.due_at, zone),
        "expires": day(strike.expires_at, zone, last=True),
        "ground": strike.ended_for or "",
        "contest": strike.open_to_appeal,
    }
    letters.write(
        session,
        to,
        template,
        words,
        tenant_id=strike.tenant_id,
        now=service.now(),
        matter=strike,
        track_id=strike.track_id,
        legal_basis=["DMCA-RI", "DSA-20"],
    )
