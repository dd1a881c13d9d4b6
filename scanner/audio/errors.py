"""What can be wrong with audio, by stable names."""

from typing import Final


class AudioError(Exception):
    """The audio can't be used.

    Parameters
    ----------
    problem : str
        Stable name, kebab-case.
    detail : str
        What was found and what to do; no path, no trace.
    transient : bool
        Whether another try may help; never for what is the input's fault.
    """

    def __init__(self, problem: str, detail: str, *, transient: bool = False) -> None:
        super().__init__(problem, detail, transient)
        self.problem = problem
        self.detail = detail
        self.transient = transient

    def __str__(self) -> str:
        return self.detail


class EmptyFileError(AudioError):
    """There are no bytes."""

    def __init__(self) -> None:
        super().__init__("empty-file", "the file is empty: send the audio itself")


class NotAudioError(AudioError):
    """The first bytes are those of something else."""

    def __init__(self, looks_like: str | None = None) -> None:
        kind = f" but {looks_like}" if looks_like else ""
        super().__init__(
            "not-audio",
            f"by its first bytes this is no audio{kind}; send WAV, FLAC, MP3, Ogg, Opus, AAC/M4A, "
            "AIFF, WMA, CAF or Matroska",
        )


UNREADABLE: Final = "unreadable-audio"
