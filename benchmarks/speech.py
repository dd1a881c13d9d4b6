"""Speech to lay over music, in five languages and six voices."""

import io
import subprocess
from typing import Final

import numpy as np
import soundfile
import soxr

from benchmarks.alterations import RATE, AlterationError, Samples

VOICES: Final = {
    "en-us": (
        "Okay, I have never heard this one before, so you are getting my very first reaction.",
        "Wait, go back a little, did you catch what the bass was doing just now?",
        "That chorus is going to be stuck in my head for the rest of the week.",
        "If you like this kind of thing, leave a comment and tell me what to play next.",
    ),
    "en-gb": (
        "Good evening, and thank you for joining me for another half hour of listening.",
        "I think the drummer came in early there, but somehow it works rather well.",
        "My neighbour lent me this record, and I am not sure that I will give it back.",
        "Let us hear what happens when the second voice enters.",
    ),
    "de": (
        "Also ehrlich gesagt hätte ich nach diesem Anfang etwas ganz anderes erwartet.",
        "Hört mal auf die Gitarre, die spielt die ganze Zeit gegen den Takt.",
        "Schreibt mir unten, welches Stück ich beim nächsten Mal anhören soll.",
    ),
    "fr": (
        "Alors là, je ne m'attendais vraiment pas à ce changement de rythme.",
        "Écoutez bien la fin du refrain, il y a une deuxième voix derrière.",
        "Dites-moi dans les commentaires ce que vous en pensez.",
    ),
    "es": (
        "Nunca había escuchado esta canción, así que vamos a descubrirla juntos.",
        "Me encanta cómo entra el piano justo cuando parece que todo termina.",
        "Si te gusta el vídeo, cuéntame qué tema quieres para la próxima semana.",
    ),
}
SPEAKERS: Final = ("m1", "m3", "m7", "f1", "f2", "f4")


class SpeakerMissingError(AlterationError):
    """``espeak-ng`` is not installed or failed."""


def speech(seconds: float, rng: np.random.Generator) -> Samples:
    """Speak sentences in random order, in one of five languages and six voices.

    The program ``espeak-ng`` (GPL-3.0-or-later) is executed, nothing of it is linked.

    Parameters
    ----------
    seconds : float
    rng : numpy Generator
        Picks language, voice, speed, pitch and order.

    Returns
    -------
    float32 array, shape (1, seconds * 44100)

    Raises
    ------
    SpeakerMissingError
        If ``espeak-ng`` is not installed or fails.
    """
    language = str(rng.choice(list(VOICES)))
    voice = f"{language}+{rng.choice(SPEAKERS)}"
    options = [f"-v{voice}", f"-s{rng.integers(140, 190)}", f"-p{rng.integers(30, 70)}"]
    n = round(seconds * RATE)
    spoken = np.zeros((1, 0), np.float32)
    while spoken.shape[1] < n:
        text = " ".join(rng.permutation(VOICES[language]))
        spoken = np.concatenate([spoken, _spoken(text, options)], axis=1)
    return spoken[:, :n]


def _spoken(text: str, options: list[str]) -> Samples:
    command = ["espeak-ng", "--stdout", "--stdin", *options]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
    except FileNotFoundError as error:
        raise SpeakerMissingError(
            "espeak-ng is not installed; on Debian: apt-get install espeak-ng"
        ) from error
    except subprocess.CalledProcessError as error:
        raise SpeakerMissingError(f"{' '.join(command)}: {error.stderr.decode()}") from error
    samples, rate = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    if not samples.size:
        raise SpeakerMissingError(f"{' '.join(command)} returned no sound")
    resampled_: Samples = soxr.resample(samples, rate, RATE)[None]
    return resampled_
