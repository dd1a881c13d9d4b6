"""Notices: somebody says that a track infringes, or is illegal; taken, cured, retracted.

What is missing is told and can be cured (DMCA-NC); nothing is refused by rules. A notice that came without
a key counts once its address is confirmed by the link in the letter. A person decides
(`scanner/notice_verdicts.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, delete, select

import appeals
from appeals.forms import TEXTS, validate
from scanner import complaint_windows, flaggers, matters, notice_layers, notice_tracks
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError, ScannerError
from scanner.journal import PIPELINE, Actor, record
from scanner.notice_cases import SOONER, TRUSTED, close_cases, open_case
from scanner.notice_events import NoticeReferred
from scanner.notice_senders import (
    Party,
    by_link,
    day,
    digest_of,
    digest_of_token,
    opens,
    refuse_suspended,
    sender_of,
    tell,
    token_of,
)
from scanner.tables import Message, Notice, NoticeTrack, Reference
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

RIGHTS: Final = {"dmca": "recording", "likeness": "voice"}
"""Right that a form is about, unless the notice says another."""
PUBLIC: Final = ("dmca", "dsa", "likeness")
"""Forms that anybody may send without a key."""


CONFIRM: Final = "notice-confirm"
"""Rule of the days in which an address is to be confirmed."""
AUTHORITIES: Final = ("order", "threat")
"""Forms of authorities: the platform sends them on, once it knows that the authority is one."""


class BadNoticeError(ScannerError):
    """A notice can't be taken at all; the message says why."""


@dataclass(frozen=True)
class Filing:
    """What somebody sends.

    Attributes
    ----------
    form : str
        One of :data:`appeals.forms.FORMS`, but for the counter-notice's.
    elements : mapping
        By element, as they were given.
    language : str
        In which they want to be told.
    reference_id, isrc : str, optional
        The work, as it is in the catalogue: copies of it are found by their sound.
    """

    form: str
    elements: Mapping[str, Any]
    language: str = "en"
    right: str | None = None
    reference_id: str | None = None
    isrc: str | None = field(default=None)


def file(service: "Service", caller: Caller, filing: Filing) -> Notice:
    """Take a notice from who has a key: a platform that forwards it, a holder, a trusted flagger.

    Raises
    ------
    SenderSuspendedError
        If the sender is suspended (DSA-23); that is recorded.
    ForbiddenError
        For keys of staff and creators; for those of holders and flaggers, if the form is an authority's.
    NotFoundError
        If there is no such reference.
    """
    if caller.user_id or caller.account_id:
        raise ForbiddenError(
            "notices come from rights holders, flaggers, or the platform for others: use such a key"
        )
    if filing.form in AUTHORITIES and (caller.holder_id or caller.flagger_id):
        raise ForbiddenError(
            Told(
                "a notice of the form %(form)s comes from an authority: the platform, "
                "which knows that it is one, sends it with its own key (DSA-15, DSA-18)",
                form=filing.form,
            )
        )
    made = new(service, caller.tenant_id, filing)
    made.holder_id, made.flagger_id = caller.holder_id, caller.flagger_id
    _refuse(service, made, caller.actor)
    with service.database.transaction() as session:
        made.reference_id = _reference(session, caller.tenant_id, filing)
        take(service, session, made, sender_of(caller, made))
        return made


def take(
    service: "Service",
    session: Session,
    made: Notice,
    sender: appeals.Actor,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Take the notice of a sender who is known, inside the caller's transaction, and look at it."""
    made.email_confirmed_at = service.now()
    matters.opened(service, session, made, sender, detail=detail)
    _examine(service, session, made)


def file_publicly(service: "Service", tenant_id: str, filing: Filing) -> Notice:
    """Take a notice from anybody; it counts once the address is confirmed.

    Raises
    ------
    BadNoticeError
        If there is no address to which the link can be sent, or the form is for keys only.
    SenderSuspendedError
    """
    if filing.form not in PUBLIC:
        raise BadNoticeError(
            Told("this form is not public; there are: %(public)s", public=", ".join(PUBLIC))
        )
    made = new(service, tenant_id, filing)
    if made.notifier_email is None:
        raise BadNoticeError("give an e-mail address that exists: the link is sent there")
    _refuse(service, made, Actor(made.id, "notifier"))
    with service.database.transaction() as session:
        made.reference_id = _reference(session, tenant_id, filing)
        matters.opened(service, session, made, by_link(made), rule=CONFIRM)
        tell(service, session, made, "notice-confirm", legal_basis=("DSA-16",))
        return made


def confirm(service: "Service", notice_id: str, token: str) -> Notice:
    """Confirm the sender's address; once it is, nothing more happens.

    Raises
    ------
    IllegalTransitionError
        If the days for that are over.
    """
    with service.database.transaction() as session:
        notice = _linked(session, notice_id, token)
        if notice.state == "lapsed" and notice.email_confirmed_at is None:
            raise IllegalTransitionError(
                "it was not confirmed in time and has lapsed: send it anew"
            )
        if notice.email_confirmed_at is None:
            notice.email_confirmed_at = service.now()
            if notice.state == "received":
                _examine(service, session, notice)
        return notice


def cure(
    service: "Service",
    notice: Notice,
    elements: Mapping[str, Any],
    caller: Caller | None = None,
    token: str | None = None,
) -> Notice:
    """Give what was missing (DMCA-NC); elements that are given replace the earlier ones."""
    with service.database.transaction() as session:
        row, actor = _of_sender(session, notice, caller, token)
        row.elements = dict(row.elements) | _kept(row.form, elements)
        _name_sender(row)
        matters.move(service, session, row, "cure", actor, parts={"elements": sorted(elements)})
        _examine(service, session, row)
        return row


def retract(
    service: "Service", notice: Notice, caller: Caller | None = None, token: str | None = None
) -> Notice:
    """Take a notice back: what it took down comes back, the uploader is told."""
    from scanner.counter_notices import end_all

    with service.database.transaction() as session:
        rows = notice_tracks.of_notice(session, notice.id)
        tracks = notice_tracks.lock_all(session, rows)
        row, actor = _of_sender(session, notice, caller, token)
        matters.move(service, session, row, "retract", actor, detail={"tracks": sorted(tracks)})
        why = notice_tracks.reason_to_restore(
            row, "notice.retracted", "The notice was taken back.", "law", "DMCA-T"
        )
        for each in rows:
            track = tracks[each.track_id]
            if notice_layers.put_back(service, session, row, each, track, PIPELINE, why):
                notice_tracks.tell_uploader(service, session, row, track, "notice-retracted")
        end_all(service, session, row, "the notice was taken back")
        close_cases(
            service, session, row, "the notice was taken back", kinds=("notice", "stay_down")
        )
        flaggers.judge(service, session, row)
        return row


def refer(service: "Service", caller: Caller, notice: Notice, authority: str, text: str) -> Notice:
    """Record that an authority was told of a threat to life (DSA-18).

    Raises
    ------
    BadNoticeError
        If the notice is of another form.
    """
    if notice.form != "threat":
        raise BadNoticeError("only a notice of a threat to life is referred to an authority")
    now = service.now()
    with service.database.transaction() as session:
        row = matters.locked(session, Notice, notice.tenant_id, notice.id)
        message = Message(
            id=new_id(),
            tenant_id=row.tenant_id,
            matter_kind=row.KIND,
            matter_id=row.id,
            kind="referral",
            by_kind=caller.actor.role,
            by_id=caller.actor.id,
            text=f"{authority}: {text}",
            internal=True,
            created_at=now,
        )
        session.add(message)
        session.flush()
        data = NoticeReferred(notice_id=row.id, message_id=message.id)
        record(
            session,
            tenant_id=row.tenant_id,
            subject=message.id,
            version=1,
            data=data,
            now=now,
            actor=caller.actor,
        )
        return row


def lapse(service: "Service", session: Session, notice: Notice) -> None:
    """End what was not cured in its time, and say so (DMCA-NC)."""
    matters.move(service, session, notice, "lapse", matters.CLOCK)
    tell(service, session, notice, "notice-lapsed", legal_basis=("DMCA-NC",))


def lapse_unconfirmed(service: "Service", session: Session, notice: Notice) -> None:
    """End what nobody confirmed, and say so to the address that was given (DSA-16)."""
    matters.move(service, session, notice, "lapse", matters.CLOCK)
    tell(service, session, notice, "notice-unconfirmed", legal_basis=("DSA-16",))


def close(service: "Service", session: Session, row: Notice) -> None:
    """Close a notice once nobody can complain about the decision any more (DSA-20)."""
    contestable = row.state == "refused" or notice_tracks.is_partial(row)
    if contestable and complaint_windows.keep_open(service, session, row):
        return
    if row.state in {"refused", "actioned"}:
        matters.move(service, session, row, "close", matters.CLOCK)


def new(service: "Service", tenant_id: str, filing: Filing) -> Notice:
    """Return a notice with its link and its sender; it is not in the database yet."""
    made = matters.new(
        Notice,
        tenant_id,
        service.now(),
        form=filing.form,
        elements=_kept(filing.form, filing.elements),
        language=filing.language,
        right=filing.right or RIGHTS.get(filing.form),
    )
    made.token_digest = digest_of_token(token_of(service, made))
    _name_sender(made)
    return made


def _kept(form: str, elements: Mapping[str, Any]) -> dict[str, Any]:
    """What the form asks for; anything else is not kept."""
    return {
        each.name: elements[each.name]
        for each in appeals.forms.FORMS[form]
        if each.name in elements
    }


def _name_sender(notice: Notice) -> None:
    """Take the sender's address and name from the elements, where they are good ones."""
    checked = {each.name: each for each in validate(notice.form, notice.elements).elements}
    good = {name: str(each.value).strip() for name, each in checked.items() if each.valid}
    if notice.email_confirmed_at is None or notice.notifier_email is None:
        notice.notifier_email = good.get("email")  # a cure does not change a confirmed one
    name = good.get("name") or good.get("signature") or good.get("authority")
    notice.notifier_name = name[:300] if name else None
    if notice.notifier_email:
        notice.notifier_digest = digest_of(notice.tenant_id, notice.notifier_email)
    notice.text_versions = sorted(
        value for value in notice.elements.values() if isinstance(value, str) and value in TEXTS
    )


def _refuse(service: "Service", made: Notice, actor: Actor) -> None:
    parties = [Party("holder", made.holder_id)] if made.holder_id else []
    parties += [Party("flagger", made.flagger_id)] if made.flagger_id else []
    parties += [Party("notifier", made.notifier_digest)] if made.notifier_digest else []
    for party in parties:
        refuse_suspended(service, made.tenant_id, party, made.form, actor)


def _reference(session: Session, tenant_id: str, filing: Filing) -> str | None:
    if filing.reference_id is None and filing.isrc is None:
        return None
    query = select(Reference.id).where(Reference.tenant_id == tenant_id)
    if filing.reference_id is not None:
        query = query.where(Reference.id == filing.reference_id)
    else:
        query = query.where(Reference.isrc == str(filing.isrc).replace("-", "").upper())
    found = session.exec(query.order_by(col(Reference.id)).limit(1)).first()
    if found is None:
        raise NotFoundError(
            "reference", "of this id or ISRC: add the recording to the catalogue first"
        )
    return found


def _examine(service: "Service", session: Session, notice: Notice) -> None:
    """Look at each element: what lacks nothing is valid, and a person is asked (DMCA-N, DSA-16)."""
    missing = validate(notice.form, notice.elements).missing
    if "location" not in missing:
        found, lost = notice_tracks.located(session, notice.tenant_id, notice.elements["location"])
        if not found and notice.form != "threat":
            missing["location"] = (
                f"there is no track at {', '.join(lost)[:1000]}: give its address or id"
            )
        _name_tracks(session, notice, [track.id for track in found], service.now())
    notice.missing = missing
    if missing:
        matters.move(
            service, session, notice, "find_incomplete", matters.CLOCK, parts={"missing": missing}
        )
        until = day(service, notice.due_at, last=True)
        tell(
            service,
            session,
            notice,
            "notice-incomplete",
            legal_basis=("DMCA-NC",),
            missing=missing,
            until=until,
        )
        return
    trusted = flaggers.comes_first(service, session, notice)
    action = "validate_trusted" if trusted else "validate"
    matters.move(service, session, notice, action, matters.CLOCK)
    text = str(notice.elements.get("reason") or notice.elements.get("work") or "")
    sooner = SOONER.get(notice.form, 0) + (TRUSTED if trusted else 0)
    reasons = [{"rule": f"notice.{notice.form}", "text": text or "An authority orders it."}]
    open_case(service, session, notice, "notice", reasons, sooner=sooner)
    tell(service, session, notice, "notice-received", legal_basis=("DSA-16",))


def _name_tracks(session: Session, notice: Notice, track_ids: list[str], now: datetime) -> None:
    session.execute(delete(NoticeTrack).where(col(NoticeTrack.notice_id) == notice.id))
    session.add_all(
        NoticeTrack(
            notice_id=notice.id,
            track_id=track_id,
            tenant_id=notice.tenant_id,
            origin="named",
            state="named",
            created_at=now,
        )
        for track_id in track_ids
    )
    session.flush()


def _linked(session: Session, notice_id: str, token: str) -> Notice:
    notice = session.get(Notice, notice_id, with_for_update=True, populate_existing=True)
    if notice is None or not opens(notice, token):
        raise NotFoundError("notice", "of this link")
    return notice


def _of_sender(
    session: Session, notice: Notice, caller: Caller | None, token: str | None
) -> tuple[Notice, appeals.Actor]:
    """Return the notice, locked, and its sender by key or by link."""
    if caller is not None:
        row = matters.locked(session, Notice, notice.tenant_id, notice.id)
        return row, sender_of(caller, row)
    row = _linked(session, notice.id, token or "")
    return row, by_link(row)
