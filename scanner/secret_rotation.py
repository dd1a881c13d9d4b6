"""A new key for what is stored encrypted, and for links, while the service runs."""

from typing import TYPE_CHECKING

from filelock import FileLock
from sqlmodel import Session, col, select

from scanner.clock import new_id
from scanner.errors import ConflictError
from scanner.events import Administered
from scanner.journal import Actor, record
from scanner.notice_senders import digest_of_token, opens, token_of
from scanner.secrets import KEY_NAME, KeyFile, SecretBox, new_key
from scanner.tables import IdempotencyKey, Notice, Webhook

if TYPE_CHECKING:
    from scanner.service import Service


def rotate(service: "Service", actor: Actor, tenant_id: str, *, forget: bool = False) -> int:
    """Put a new key before the others, and encrypt with it all that is stored.

    Running processes see it at their next use of a key. Where ``CLEARANCE_SECRET_KEY`` gives the keys, none is
    made: what is stored is encrypted with the first of them, and the others can be taken out there.

    Parameters
    ----------
    tenant_id : str
        In whose chain it is written down.
    forget : bool
        Whether the earlier keys end: for when one of them got out. Links that were sent to notifiers and
        for passwords do not open any more; letters that follow carry new ones.

    Returns
    -------
    int
        How many stored texts were encrypted anew.

    Raises
    ------
    ConflictError
        If ``CLEARANCE_SECRET_KEY`` gives one key only, or one is to be forgotten that it gives.
    """
    if service.settings.secret_key is not None:
        given = len(service.settings.secret_key.get_secret_value().split())
        if given == 1 or forget:
            raise ConflictError(
                "CLEARANCE_SECRET_KEY gives the keys: put a new one before the old there, with a space "
                "between, restart, and run this without --forget; then take the old one out there"
            )
        return _changed(service, actor, tenant_id, service.secrets, forget=False)
    file = KeyFile(service.settings.home / KEY_NAME)
    with FileLock(file.path.with_name(f"{KEY_NAME}.lock")):
        keys = [new_key(), *file()]
        box = SecretBox(lambda: keys)
        file.replace(keys)
        count = _changed(service, actor, tenant_id, box, forget=forget)
        if forget:
            file.replace(keys[:1])
            with service.database.transaction() as session:
                _sealed_anew(session, box)  # what was sealed with an earlier key in between
    return count


def _changed(
    service: "Service", actor: Actor, tenant_id: str, box: SecretBox, *, forget: bool
) -> int:
    with service.database.transaction() as session:
        count = _sealed_anew(session, box)
        if forget:
            _renew_links(service, session)
        record(
            session,
            tenant_id=tenant_id,
            subject=new_id(),
            version=1,
            data=Administered(
                action="secret_key.rotated", object_id=KEY_NAME, detail={"forgotten": forget}
            ),
            now=service.now(),
            actor=actor,
        )
    return count


def _sealed_anew(session: Session, box: SecretBox) -> int:
    count = 0
    for webhook in session.exec(select(Webhook).with_for_update()):
        webhook.sealed_secret = box.seal(box.open(webhook.sealed_secret))
        count += 1
        if webhook.sealed_former_secret is not None:
            webhook.sealed_former_secret = box.seal(box.open(webhook.sealed_former_secret))
            count += 1
    answered = select(IdempotencyKey).where(col(IdempotencyKey.answer).is_not(None))
    for key in session.exec(answered.with_for_update()):
        if key.answer is not None and "sealed" in key.answer:
            key.answer = key.answer | {"sealed": box.seal(box.open(key.answer["sealed"]))}
            count += 1
    return count


def _renew_links(service: "Service", session: Session) -> None:
    for notice in session.exec(select(Notice).where(col(Notice.token_digest).is_not(None))):
        if opens(notice, token_of(service, notice)):
            newest = service.secrets.link_token("notice", notice.id)
            notice.token_digest = digest_of_token(newest)
