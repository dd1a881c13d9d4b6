"""What finds altered copies and other performances: vectors, peaks and tones, of one spectrogram."""

from fingerprint.arrays import F32Array
from fingerprint.composition.hearing import heard
from fingerprint.constellation.constellation import constellation
from fingerprint.embedding.embedder import embed_spectrum
from fingerprint.spectrum import spectrum
from fingerprint.sub_fingerprints import Fingerprint


def completed(print_: Fingerprint, samples: F32Array, sample_rate: int) -> Fingerprint:
    """Add to a fingerprint what finds altered copies and other performances.

    Parameters
    ----------
    print_ : Fingerprint
        Of the same samples.
    samples : float32 array, shape (channels, n)
        -1 to 1. Channels are averaged.
    sample_rate : int
        In Hz.

    Returns
    -------
    Fingerprint
        With an embedding, empty below two seconds, a constellation and tones.

    Raises
    ------
    UnusableAudioError
        If the shape cannot be used.
    """
    return completed_from(print_, spectrum(samples, sample_rate))


def completed_from(print_: Fingerprint, spectra: F32Array) -> Fingerprint:
    """As :func:`completed`, from what :func:`fingerprint.spectrum.spectrum` returns."""
    return print_.with_altered(embed_spectrum(spectra), constellation(spectra), heard(spectra))
