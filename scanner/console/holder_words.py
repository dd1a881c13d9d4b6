"""What a rights holder's pages call states, policies, grounds and the elements of forms, as messages of the PO files."""

from collections.abc import Mapping
from typing import Final


def _(message: str) -> str:
    """Mark a message for the PO files."""
    return message


POLICIES: Final[Mapping[str, str]] = {
    "block": _("block"),
    "monetise": _("monetise"),
    "track": _("track only"),
}
RIGHTS: Final[Mapping[str, str]] = {
    "recording": _("recording"),
    "composition": _("composition"),
    "voice": _("voice"),
}
REFERENCE_STATES: Final[Mapping[str, str]] = {
    "checking": _("being checked"),
    "active": _("active"),
    "snoozed": _("paused"),
    "quarantined": _("waits for a person"),
    "retired": _("taken out"),
}
CLAIM_STATES: Final[Mapping[str, str]] = {
    "potential": _("not in force yet"),
    "active": _("in force"),
    "disputed": _("disputed"),
    "upheld": _("upheld"),
    "released": _("claim released"),
    "escalated": _("became a notice"),
}
DISPUTE_STATES: Final[Mapping[str, str]] = {
    "opened": _("sent"),
    "with_claimant": _("waits for your answer"),
    "released": _("claim released"),
    "upheld": _("claim upheld"),
    "expired": _("not answered in time"),
    "appealed": _("appealed"),
    "withdrawn": _("withdrawn"),
    "closed": _("closed"),
}
PRESUMED_STATES: Final[Mapping[str, str]] = {
    "presumed": _("stays up"),
    "contested": _("a person decides"),
    "blocked": _("blocked until a person decides"),
    "upheld": _("blocked in Germany"),
    "dismissed": _("stays up, a person decided"),
    "withdrawn": _("complaint taken back"),
    "ended": _("ended"),
}
NOTICE_STATES: Final[Mapping[str, str]] = {
    "received": _("received"),
    "incomplete": _("something is missing"),
    "cured": _("completed"),
    "valid": _("with a person"),
    "actioned": _("acted on"),
    "countered": _("answered, material restored"),
    "refused": _("refused"),
    "retracted": _("taken back"),
    "lapsed": _("ended, not completed in time"),
    "closed": _("closed"),
}
COUNTER_STATES: Final[Mapping[str, str]] = {
    "received": _("received"),
    "incomplete": _("something is missing"),
    "cured": _("completed"),
    "forwarded": _("sent to you"),
    "waiting": _("the clock runs"),
    "court_hold": _("a court decides"),
    "restored": _("material restored"),
    "withdrawn": _("withdrawn"),
}
TRACK_STATES: Final[Mapping[str, str]] = {
    "named": _("named"),
    "found": _("a copy, found by its sound"),
    "actioned": _("taken down"),
    "refused": _("left as it is"),
    "restored": _("material restored"),
    "waiting": _("waiting"),
    "gone": _("withdrawn"),
}
IMPORT_STATES: Final[Mapping[str, str]] = {
    "waiting": _("waits for its turn"),
    "running": _("is being taken in"),
    "done": _("done"),
    "failed": _("could not be read"),
}
ROW_STATES: Final[Mapping[str, str]] = {
    "waiting": _("waiting"),
    "added": _("added"),
    "changed": _("changed"),
    "known": _("already so"),
    "refused": _("refused"),
}
GROUNDS: Final[Mapping[str, str]] = {
    "licence": _("They have a licence, or your permission"),
    "original_work": _("All of it is their own work"),
    "public_domain": _("It is in the public domain"),
    "quotation": _("They quote it"),
    "criticism": _("They criticise or review it"),
    "parody": _("They make a parody or caricature of it"),
    "pastiche": _("It is a pastiche"),
    "misidentified": _("It is another recording or work"),
    "only_this_segment": _("Only a part of what is claimed is yours"),
    "minor_use": _("The part is too small to matter"),
}
RELEASED_FOR: Final[Mapping[str, str]] = {
    "dispute": _("you released it after a dispute"),
    "silence": _("a dispute was not answered in time"),
    "appeal": _("an appeal was granted"),
    "person": _("a person decided so"),
}
REMEDIES: Final[Mapping[str, str]] = {
    "cut": _("cut the part out"),
    "mute": _("mute the part"),
    "replace": _("replace the part"),
    "territory": _("claim it in some territories only"),
}
FORMS: Final[Mapping[str, str]] = {
    "dmca": _("Report a copyright infringement (DMCA)"),
    "dsa": _("Report illegal content (DSA)"),
    "likeness": _("Report a copied voice or likeness"),
}
ASKED: Final = (
    _("Sign with your full name, typed"),
    _("Which work is infringed, or which works, as a list"),
    _("Where the material is"),
    _("Where we can reach you"),
    _("Do you say this in good faith?"),
    _("Do you swear to it?"),
    _("Why it is illegal"),
    _("Where it is"),
    _("Your name"),
    _("Your e-mail address"),
    _("Whose voice or likeness it is"),
    _("How it is recognised, and what was not agreed to"),
    _("Your name, and what you are to that person"),
)
"""What the public forms ask for (:data:`appeals.forms.FORMS`)."""
WRONG: Final = (
    _("it is empty: write it down"),
    _("it is too short to be looked into: say what is unlawful about it, and why"),
    _("name at least one track, by its address or its id"),
    _("each must be the exact address or id of one track, not a search or a description"),
    _("it was not agreed to: without it the form is not complete"),
)
"""What may be wrong with an element."""
LONG: Final = frozenset({"location", "reason", "work"})
"""Elements with room for several lines."""
