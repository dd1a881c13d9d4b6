"""What an administrator should look at: work that stopped, messages that do not arrive, keys that end soon."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, func, select

from scanner import dmca_agent
from scanner.tables import ApiKey, DeadLetter, Letter, LoginLink, User, Webhook

if TYPE_CHECKING:
    from scanner.service import Service

SOON: Final = timedelta(days=14)
RECENT: Final = timedelta(days=30)


@dataclass(frozen=True)
class Attention:
    """How much of each there is on a platform.

    Attributes
    ----------
    dead : int
        Dead letters that nobody replayed.
    failing, paused : int
        Webhooks whose receivers fail, and that are paused.
    ending : int
        API keys that end within :data:`SOON`.
    unsent : int
        Mails of :data:`RECENT` that could not be sent.
    no_password : int
        Logins whose link to set a password is still out.
    mails : bool
        Mail is sent at all.
    agent : list of str
        What is wrong with the designated agent (DMCA-C4).
    """

    dead: int
    failing: int
    paused: int
    ending: int
    unsent: int
    no_password: int
    mails: bool
    agent: list[str]

    @property
    def is_nothing(self) -> bool:
        """Whether nothing waits for an administrator."""
        counted = self.dead + self.failing + self.paused + self.ending + self.unsent
        return counted + self.no_password == 0 and self.mails and not self.agent


def of(service: "Service", session: Session, tenant_id: str) -> Attention:
    """Count what is a platform's."""
    now = service.now()
    hooks = select(func.count()).where(
        Webhook.tenant_id == tenant_id, col(Webhook.deleted_at).is_(None)
    )
    ending = select(func.count()).where(
        ApiKey.tenant_id == tenant_id,
        col(ApiKey.revoked_at).is_(None),
        col(ApiKey.expires_at) > now,
        col(ApiKey.expires_at) <= now + SOON,
    )
    unsent = select(func.count()).where(
        Letter.state == "failed",
        col(Letter.not_before) >= now - RECENT,
        Letter.tenant_id == tenant_id,
    )
    invited = (
        select(func.count(func.distinct(LoginLink.user_id)))
        .join(User, col(User.id) == col(LoginLink.user_id))
        .where(
            User.tenant_id == tenant_id,
            LoginLink.reason == "invited",
        )
    )
    dead = select(func.count()).where(DeadLetter.tenant_id == tenant_id, DeadLetter.state == "dead")
    return Attention(
        dead=session.exec(dead).one(),
        failing=session.exec(
            hooks.where(col(Webhook.failing_since).is_not(None), col(Webhook.paused_at).is_(None))
        ).one(),
        paused=session.exec(hooks.where(col(Webhook.paused_at).is_not(None))).one(),
        ending=session.exec(ending).one(),
        unsent=session.exec(unsent).one(),
        no_password=session.exec(invited).one(),
        mails=service.settings.smtp_host is not None,
        agent=dmca_agent.warnings(service),
    )
