"""What is sung and spoken in a track, for who installs the extra `speech`; words are screened and not kept.

Samples go in, `Heard` comes out: only what two passes of the recogniser agree on, with times and confidence.
Recognisers invent text over music, so nothing else of it is believed.
"""

from scanner.speech.agreement import Heard, Span
from scanner.speech.hearing import NotHeardError, hear, is_installed

__all__ = ["Heard", "NotHeardError", "Span", "hear", "is_installed"]
