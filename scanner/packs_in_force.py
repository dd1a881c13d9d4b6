"""Which pack decides a track: the platform's active one, or its canary for a share of the tracks.

Every decision reads the platform's rollout row, so a move holds from its commit on, in all processes;
what is read is two small rows, since compiled packs are kept by the process.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlmodel import Session, col, or_, select

import policy
from policy import PackState
from scanner.clock import new_id
from scanner.errors import NotFoundError, TransientError
from scanner.events import PolicyPackAdded
from scanner.journal import Actor, record
from scanner.privacy.personal import ERASED
from scanner.tables import (
    AgeAssurance,
    Consent,
    ParentalControls,
    PolicyActivation,
    PolicyDecision,
    PolicyPack,
    PolicyRollout,
    Tenant,
    Track,
)
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

KEPT: Final = 32
INSTALLATION: Final = Actor("installation", "system")
"""Who put the packaged pack in force."""

KEEPS: Final = "keeps"
"""Of what rules judged: the id of a decision of a person's whose limits it keeps besides."""
WITHOUT: Final = "without"
"""Of a decision: ids of rules that count no more on its track, since an appeal was granted."""
OVERRULED: Final = "overruled"
"""Of what rules judged: which of `WITHOUT` did not fall, but were set aside by a person who had cleared the track.

``by`` is that person's decision, ``rules`` are the ids: they count again for what is not as it was then.
"""

PERSON: Final = frozenset({"account", "age", "age_band", "consents"})
"""Facts about who submits a track."""
PROTECTING: Final = frozenset({"age", "age_band", "consents"})
"""Those by which a child is protected, whatever is in the track (COPPA, GDPR-8)."""
_OF_ANY_TRACK: Final = PERSON | {"origin", "territories", "thresholds"}
"""What a rule may read that judges nothing of what is in a track."""

log = structlog.get_logger()


@dataclass(frozen=True)
class InForce:
    """What decides a track.

    Attributes
    ----------
    activation_id : str or None
        None for a platform that has decided nothing yet, of which a precheck is asked.
    single_operator : bool
        One identity both proposed and approved the pack.
    void : frozenset of str
        Ids of rules that the pack is without, since they fell on appeal on this track, or are `overruled`.
    overruled : frozenset of str
        Those that a person had set aside when they cleared the track.
    cleared_by : str, optional
        Id of that decision.
    """

    pack: policy.Pack
    activation_id: str | None = None
    single_operator: bool = False
    void: frozenset[str] = frozenset()
    overruled: frozenset[str] = frozenset()
    cleared_by: str | None = None

    def less(self, void: Collection[str]) -> "InForce":
        """Return it without some more of its rules."""
        return replace(self, pack=less(self.pack, void), void=self.void.union(void))

    def without_struck(self, session: Session, track_id: str, facts: policy.Facts) -> "InForce":
        """Return it without the rules that fell on appeal on a track."""
        return self.less(struck_down(session, track_id, self.pack, facts))

    def without_overruled(
        self, session: Session, cleared: PolicyDecision, rules: Collection[str], facts: policy.Facts
    ) -> "InForce":
        """Return it without rules that a person set aside when they cleared a track, where the facts are as then."""
        about = {rule.id: _read_of_person(rule) for rule in self.pack.rules}
        left = {
            rule
            for rule in rules
            if not (read := about.get(rule)) or _is_as_it_was(session, read, cleared, facts)
        }
        made = self.less(left)
        return replace(made, overruled=frozenset(left), cleared_by=cleared.id) if left else made


class Packs:
    """The packs of one process, compiled; safe to use from several threads."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[str, policy.Pack] = OrderedDict()  # by content, latest last
        self._seeded: set[str] = set()
        self._lock = threading.Lock()

    def compiled(self, session: Session, pack_id: str) -> policy.Pack:
        """Return a stored pack.

        Raises
        ------
        policy.PackError
            If this version of the program can't use its text.
        """
        known = select(PolicyPack.content_hash).where(PolicyPack.id == pack_id)
        content_hash = session.exec(known).one()
        packaged = policy.default_pack()
        if content_hash == packaged.content_hash:
            return packaged
        with self._lock:
            if (pack := self._compiled.get(content_hash)) is not None:
                self._compiled.move_to_end(content_hash)
                return pack
        pack = policy.read_pack(session.get_one(PolicyPack, pack_id).text)
        with self._lock:
            self._compiled[content_hash] = pack
            while len(self._compiled) > KEPT:
                self._compiled.popitem(last=False)
        return pack

    def in_force(
        self,
        session: Session,
        tenant_id: str,
        track_id: str | None = None,
        *,
        facts: policy.Facts | None = None,
        held: bool = False,
    ) -> InForce:
        """Return what decides a track now.

        Parameters
        ----------
        track_id : str, optional
            Without one it is the active pack.
        facts : policy.Facts, optional
            What the track is judged by: rules that fell on appeal on it are left out (`struck_down`).
        held : bool
            No move is committed until the transaction that asks has ended.

        Raises
        ------
        TransientError
            If the active pack can't be used by this version of the program.
        """
        chosen = self._chosen(session, tenant_id, track_id, held=held)
        return (
            chosen
            if facts is None or track_id is None
            else chosen.without_struck(session, track_id, facts)
        )

    def _chosen(
        self, session: Session, tenant_id: str, track_id: str | None, *, held: bool
    ) -> InForce:
        lock = {"read": True} if held else None
        rollout = session.get(PolicyRollout, tenant_id, with_for_update=lock)
        if rollout is None:
            return InForce(policy.default_pack())
        if track_id is not None and rollout.candidate_id is not None:
            candidate = session.get_one(PolicyActivation, rollout.candidate_id)
            if candidate.mode == PackState.CANARY and policy.falls_to_candidate(
                candidate.id, track_id, candidate.share
            ):
                try:
                    return self._of(session, candidate)
                except (
                    policy.PackError
                ) as error:  # the live pack decides, as if there were no canary
                    log.error("canary_unusable", activation=candidate.id, error=str(error))
        active = session.get_one(PolicyActivation, rollout.active_id)
        try:
            return self._of(session, active)
        except policy.PackError as error:
            log.error("pack_unusable", activation=active.id, error=str(error))
            raise TransientError(
                Told(
                    "the pack in force can't be used (%(error)s): roll back, or activate another",
                    error=error,
                )
            ) from error

    def usable(
        self, session: Session, tenant_id: str, track_id: str, facts: policy.Facts
    ) -> InForce:
        """Return what decides a track, or the packaged pack where that can't be used.

        For tracks whose analysis failed for good: any pack leaves those to a person.
        """
        try:
            return self.in_force(session, tenant_id, track_id, facts=facts, held=True)
        except TransientError:
            return InForce(policy.default_pack()).without_struck(session, track_id, facts)

    def that_made(self, session: Session, decision: PolicyDecision) -> policy.Pack | None:
        """Return the pack that made a decision; None if it is no longer here, or no longer usable."""
        packaged = policy.default_pack()
        if decision.pack == packaged.id:
            return packaged
        row = session.exec(
            select(PolicyPack).where(
                PolicyPack.tenant_id == decision.tenant_id,
                PolicyPack.content_hash == decision.pack.rpartition(":")[2],
            )
        ).first()
        try:
            return None if row is None else self.compiled(session, row.id)
        except policy.PackError:
            return None

    def ensure(self, service: "Service", tenant_id: str) -> None:
        """Put the packaged pack in force for a platform that has none yet."""
        if tenant_id in self._seeded:
            return
        with service.database.reading() as session:
            present = session.get(PolicyRollout, tenant_id) is not None
        if not present:
            with service.database.transaction() as session:
                _seed(service, session, tenant_id)
        self._seeded.add(tenant_id)

    def _of(self, session: Session, activation: PolicyActivation) -> InForce:
        pack = self.compiled(session, activation.pack_id)
        return InForce(pack, activation.id, activation.single_operator)


def less(pack: policy.Pack, void: Collection[str]) -> policy.Pack:
    """Return a pack without some of its rules."""
    return pack.without(void)


def as_asked_of(pack: policy.Pack, decision: PolicyDecision) -> policy.Pack:
    """Return a pack as it may be compared with a decision: without the rules that had fallen on its track."""
    return less(pack, decision.explanation.get(WITHOUT, ()))


def struck_down(
    session: Session, track_id: str, pack: policy.Pack, facts: policy.Facts
) -> frozenset[str]:
    """Return the ids of rules that fell on appeal on a track and count no more, whatever was decided since.

    A rule about the track's person counts again once what it reads of them is not what it was when it fell, and once
    a parent, an age or a control said anything since. One that protects a child never falls (`protecting`).
    """
    rows = session.exec(select(PolicyDecision).where(PolicyDecision.track_id == track_id)).all()
    about = {rule.id: _read_of_person(rule) for rule in pack.rules}
    stand = protecting(pack)
    return frozenset(
        rule
        for row in rows
        for rule in struck_in(row)
        if rule not in stand
        and (not (read := about.get(rule)) or _is_as_it_was(session, read, row, facts))
    )


def struck_in(decision: PolicyDecision) -> frozenset[str]:
    """Return the ids of rules that a decision says fell on appeal."""
    told = decision.explanation
    return frozenset(told.get(WITHOUT, ())) - set((told.get(OVERRULED) or {}).get("rules", ()))


def protecting(pack: policy.Pack) -> frozenset[str]:
    """Return the ids of rules about age and consent alone (COPPA, GDPR-8).

    No officer gives a parent's consent: such a rule counts as long as the facts say so. One that judges something of
    the track besides, such as its words, can fall on appeal.
    """
    return frozenset(
        rule.id
        for rule in pack.rules
        if not rule.requires and (read := read_by(rule)) <= _OF_ANY_TRACK and read & PROTECTING
    )


def protecting_alone(pack: policy.Pack, among: Collection[str] | None = None) -> policy.Pack:
    """Return a pack with no rules but `protecting` ones, or those ``among`` some."""
    stand = protecting(pack)
    if among is not None:
        stand = stand.intersection(among)
    return replace(
        pack, exemptions=(), decisions=tuple(each for each in pack.decisions if each.id in stand)
    )


def of_person(facts: policy.Facts) -> policy.Facts:
    """Return facts without what is known of the track itself."""
    kept = PERSON | {"origin", "territories"}
    return policy.Facts.model_validate({name: getattr(facts, name) for name in kept})


def _read_of_person(rule: policy.Rule) -> frozenset[str]:
    return PERSON & read_by(rule)


def read_by(rule: policy.Rule) -> frozenset[str]:
    """Return the names of the facts that a rule reads."""
    return frozenset(path[0] for clause in rule.clauses for path in clause.reading.paths)


def _is_as_it_was(
    session: Session, read: frozenset[str], row: PolicyDecision, facts: policy.Facts
) -> bool:
    if ERASED in row.facts:
        return False
    before = policy.Facts.model_validate(row.facts)
    if any(getattr(before, name) != getattr(facts, name) for name in read):
        return False
    account_id = session.get_one(Track, row.track_id).account_id
    at = row.created_at
    said: list[Any] = [
        select(Consent.id).where(
            Consent.account_id == account_id,
            or_(col(Consent.granted_at) > at, col(Consent.ended_at) > at),
        ),
        select(AgeAssurance.id).where(
            AgeAssurance.account_id == account_id, AgeAssurance.assured_at > at
        ),
        select(ParentalControls.id).where(
            ParentalControls.account_id == account_id, ParentalControls.updated_at > at
        ),
    ]
    return all(session.exec(each.limit(1)).first() is None for each in said)


def summary(pack: policy.Pack) -> dict[str, object]:
    """Return what lists show of a pack, so that they need not compile it."""
    return {
        "description": pack.description,
        "thresholds": pack.thresholds,
        "rules": [
            {
                "id": rule.id,
                "title": rule.title,
                "titles": dict(rule.titles),
                "phase": rule.phase,
                "outcome": rule.outcome,
                "legal_basis": list(rule.legal_basis),
            }
            for rule in pack.rules
        ],
        "cases": len(pack.tests),
    }


def _seed(service: "Service", session: Session, tenant_id: str) -> None:
    if session.get(Tenant, tenant_id, with_for_update=True) is None:
        raise NotFoundError("tenant", tenant_id)
    if session.get(PolicyRollout, tenant_id) is not None:
        return  # another process was first
    now, pack = service.now(), policy.default_pack()
    row = PolicyPack(
        id=new_id(),
        tenant_id=tenant_id,
        name=pack.name,
        content_hash=pack.content_hash,
        text=policy.default_pack_text(),
        summary=summary(pack),
        state=PackState.ACTIVE,
        version=1,
        author=INSTALLATION.id,
        created_at=now,
        updated_at=now,
    )
    activation = PolicyActivation(
        id=new_id(),
        tenant_id=tenant_id,
        pack_id=row.id,
        mode=PackState.ACTIVE,
        share=1.0,
        started_by=INSTALLATION.id,
        started_at=now,
    )
    session.add_all([row, activation])
    session.add(PolicyRollout(tenant_id=tenant_id, active_id=activation.id))
    record(
        session,
        tenant_id=tenant_id,
        subject=row.id,
        version=row.version,
        data=PolicyPackAdded(pack=pack.id, state=row.state),
        now=now,
        actor=INSTALLATION,
    )
