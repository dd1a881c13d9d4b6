"""What people attest to, to be told in their language: messages of the PO files. The English is what counts and is kept."""

from typing import Final

from scanner.console.holder_words import _

ATTESTED: Final = (
    _(
        "I believe in good faith that the use described is not authorised by the owner of"
        " the rights, its agent, or the law."
    ),
    _(
        "What this notice says is accurate and, under penalty of perjury, I am authorised"
        " to act for the owner of an exclusive right that is allegedly infringed."
    ),
    _("I believe in good faith that what this notice says and alleges is accurate and complete."),
    _(
        "Under penalty of perjury, I believe in good faith that the material was removed "
        "or disabled by mistake or because it was misidentified."
    ),
    _(
        "I consent to the jurisdiction of the federal district court of my address or, "
        "outside the United States, of any district where the service may be found, and I"
        " will accept service of process from whoever sent the notice, or their agent."
    ),
    _(
        "I believe in good faith that this claim is wrong, for the reasons that I give, "
        "and I know that the holder reads them."
    ),
    _(
        "I am a person and have looked at this use myself. It is not presumed lawful, and"
        " that it stays available would do considerable harm to the economic use of the "
        "work."
    ),
)
