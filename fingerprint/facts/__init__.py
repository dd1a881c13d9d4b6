"""What a track is like, whatever it contains: samples in, tempo, key and loudness out.

:func:`tempo` and :func:`key` read the spectrogram of :func:`fingerprint.spectrum.spectrum`,
:func:`loudness` the samples. None says that there is none: no pulse, no key, nothing loud enough.
"""

from fingerprint.facts.key import Key, key
from fingerprint.facts.loudness import Loudness, loudness
from fingerprint.facts.tempo import Tempo, tempo
from fingerprint.spectrum import spectrum

__all__ = ["Key", "Loudness", "Tempo", "key", "loudness", "spectrum", "tempo"]
