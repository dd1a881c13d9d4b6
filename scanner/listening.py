"""Whether a track's words are listened to: where there is time for it and the rules in force read words."""

from typing import TYPE_CHECKING

import structlog

from scanner import speech

if TYPE_CHECKING:
    from scanner.analysis import Evidence
    from scanner.audio import Decoded
    from scanner.service import Service

log = structlog.get_logger()


def listen(service: "Service", tenant_id: str, decoded: "Decoded", evidence: "Evidence") -> None:
    """Put what is heard in a track into its evidence; nothing, if it was to be listened to and could not be."""
    budget = service.settings.hearing_cpu_seconds
    if not budget or not _is_asked_for(service, tenant_id):
        return
    models = service.settings.home.resolve() / "models"
    try:
        evidence.hearing = speech.hear(decoded.samples, decoded.sample_rate, models, budget)
    except (speech.NotHeardError, OSError) as error:
        log.warning("words_not_heard", tenant=tenant_id, error=str(error))


def _is_asked_for(service: "Service", tenant_id: str) -> bool:
    """Whether a rule of the pack in force reads the words of a track."""
    with service.database.reading() as session:
        return "words" in service.packs.in_force(session, tenant_id).pack.variables
