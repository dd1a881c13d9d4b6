"""Who is credited for what a take goes back to, by the platform's names, and how an erased name goes.

A fork's credit stays when the account behind it is erased; the name does not: not in what the fork was
declared with, and not in files and manifests that were made before. What is kept of those is that they were
signed here, and it has those of released forks made anew (`scanner/remade_files.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import String, cast
from sqlmodel import Session, col, select

from scanner.privacy import blobs
from scanner.tables import Account, Erasure, Provenance, ReleasedFile, Submission, Take
from scanner.tables.provenance import NO_MANIFEST

if TYPE_CHECKING:
    from sqlmodel.sql.expression import SelectOfScalar

ERASED_CREATOR: Final = "a creator whose account was erased"


def shown(session: Session, account_ids: Iterable[str | None]) -> Mapping[str | None, str]:
    """Return what the platform calls some accounts; those that were erased are not there."""
    ids = {each for each in account_ids if each}
    gone = select(Erasure.object_id).where(
        Erasure.object_kind == "account", col(Erasure.object_id).in_(ids)
    )
    query = select(Account.id, Account.external_id)
    query = query.where(col(Account.id).in_(ids), col(Account.id).not_in(gone))
    return {account_id: name for account_id, name in session.exec(query) if name}


def names_of(session: Session, account_ids: Sequence[str]) -> list[str]:
    """Return what some accounts are credited as, in their order."""
    known = shown(session, account_ids)
    return [known.get(each, ERASED_CREATOR) for each in account_ids]


def credited(take: Take) -> list[str]:
    """Return the accounts whose work a take is, the first one first."""
    return [*take.credits, *([take.account_id] if take.account_id else [])]


def told(session: Session, track_id: str) -> tuple[list[str], list[str]]:
    """Return the names that a track's files would hold now: those declared with it, and those its take credits."""
    declaration = select(Submission.declaration).where(Submission.track_id == track_id)
    made = session.exec(declaration).one().get("generated") or {}
    take = session.exec(select(Take).where(Take.track_id == track_id)).first()
    return list(made.get("credits", ())), [] if take is None else names_of(session, credited(take))


def forks_of(account_id: str) -> "SelectOfScalar[str]":
    """Query the tracks that others may have made from an account's takes."""
    tenant = select(Account.tenant_id).where(Account.id == account_id).scalar_subquery()
    credit = cast(col(Take.credits), String).contains(account_id)
    return select(Take.track_id).where(Take.tenant_id == tenant, credit)


def settle(session: Session, take: Take) -> None:
    """Credit, in a new take's declaration, whom it credits as they are called now; none is erased till it is stored.

    An account may have been erased while the take was made.
    """
    credited_ = select(Account.id).where(col(Account.id).in_(take.credits))
    session.exec(credited_.order_by(col(Account.id)).with_for_update(read=True)).all()
    names = names_of(session, take.credits)
    for row in session.exec(select(Submission).where(Submission.track_id == take.track_id)):
        made = row.declaration.get("generated") or {}
        if take.credits and made.get("credits") != names:
            row.declaration = row.declaration | {"generated": made | {"credits": names}}


def forget(session: Session, account: Account, now: datetime) -> int:
    """Take an account's name out of what others made from its takes; return of how many takes.

    To be called before the account loses its name, with the tracks of `forks_of` locked: what is
    being made of them compares under that lock what it was made with.
    """
    query = select(Take).where(
        Take.tenant_id == account.tenant_id, cast(col(Take.credits), String).contains(account.id)
    )
    forks = [take for take in session.exec(query) if account.id in take.credits]
    for take in forks:
        _forget_declared(session, take.track_id, account.external_id)
        _make_anew(session, take, now)
    session.flush()
    return len(forks)


def _forget_declared(session: Session, track_id: str, name: str) -> None:
    for row in session.exec(select(Submission).where(Submission.track_id == track_id)):
        made = row.declaration.get("generated") or {}
        if name in made.get("credits", ()):
            told = [ERASED_CREATOR if each == name else each for each in made["credits"]]
            row.declaration = row.declaration | {"generated": made | {"credits": told}}


def _make_anew(session: Session, take: Take, now: datetime) -> None:
    """Drop the files and manifests of a take that say whom it credits; that they were signed here stays known."""
    files = session.exec(select(ReleasedFile).where(ReleasedFile.track_id == take.track_id)).all()
    signed = session.exec(select(Provenance).where(Provenance.track_id == take.track_id)).all()
    held = [*(each.sha256 for each in files), *(each.manifest_sha256 for each in signed)]
    blobs.due(session, take.tenant_id, held, now)
    for file in files:
        session.delete(file)
    for row in signed:
        row.manifest_sha256, row.parents = NO_MANIFEST, []
