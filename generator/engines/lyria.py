"""Google Lyria through ``google-genai``: whole pieces, clips, and the real-time session.

Which of the three a model is asked by goes by its name. There are neither stems nor MIDI. Tested with the real SDK
against a stand-in on this machine; never with an account.
"""

import asyncio
import base64
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from generator.arrays import F32Array
from generator.engines import Access, Engine, Sounds, Support
from generator.engines.audio_takes import IN_WORDS, Heard, asked, decoded, take_of, words
from generator.engines.needs import need_extra, needed_key
from generator.errors import EngineFailedError
from generator.plan import Plan
from generator.request import Request
from generator.takes import Take

if TYPE_CHECKING:
    from google import genai

NAME: Final = "lyria"
PIECES: Final = "lyria-3.5"
_SECONDS: Final = 180.0
_CLIP_SECONDS: Final = 30.0
_LIVE_RATE: Final = 48_000
_LIVE_TEMPO: Final = (60, 200)
_PATIENCE_SECONDS: Final = 300
_SCALES: Final = (
    "D_FLAT_MAJOR_B_FLAT_MINOR", "A_FLAT_MAJOR_F_MINOR", "E_FLAT_MAJOR_C_MINOR", "B_FLAT_MAJOR_G_MINOR",
    "F_MAJOR_D_MINOR", "C_MAJOR_A_MINOR", "G_MAJOR_E_MINOR", "D_MAJOR_B_MINOR", "A_MAJOR_G_FLAT_MINOR",
    "E_MAJOR_D_FLAT_MINOR", "B_MAJOR_A_FLAT_MINOR", "G_FLAT_MAJOR_E_FLAT_MINOR",
)  # fmt: skip
"""Scales of the real-time session by signature, from five flats to six sharps."""


class Lyria:
    """The engine.

    Parameters
    ----------
    access : Access
        Its key; its model, :data:`PIECES` if none is named; its address, if not Google's.
    """

    name = NAME

    def __init__(self, access: Access) -> None:
        need_extra(NAME, "google.genai", "lyria")
        self._key = needed_key(NAME, access)
        self._url = access.url
        self.version = access.model or PIECES
        self._live = "realtime" in self.version
        self._clip = "clip" in self.version
        more = {"seconds", "bars", "seed", "without"} if self._live else set()
        self.supports = Support(
            IN_WORDS | more,
            streaming=self._live,
            longest_seconds=_CLIP_SECONDS if self._clip else _SECONDS,
        )

    def generate(
        self, request: Request, parent: Take | None = None, sounds: Sounds | None = None
    ) -> Take:
        read, plan = asked(self, request)
        text = words(request, read, plan)
        heard = self._heard(text, request, plan, read.completed(request).without)
        return take_of(self, request, read, plan, [heard])

    def _heard(self, text: str, request: Request, plan: Plan, without: tuple[str, ...]) -> Heard:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is experimental warns at every call
                if self._live:
                    samples = asyncio.run(self._played(text, request, plan, without))
                    return Heard("mix", samples, _LIVE_RATE)
                data = self._clip_of(text) if self._clip else self._piece_of(text)
        except EngineFailedError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        return Heard("mix", *decoded(data, self.version))

    def _client(self) -> "genai.Client":
        from google import genai
        from google.genai import types

        options = types.HttpOptions(base_url=self._url, timeout=1000 * _PATIENCE_SECONDS)
        return genai.Client(api_key=self._key, vertexai=False, http_options=options)

    def _clip_of(self, text: str) -> bytes:
        client = self._client()  # closes itself when nothing holds it
        answer = client.models.generate_content(model=self.version, contents=text)
        for part in answer.parts or ():
            if part.inline_data and part.inline_data.data:
                return bytes(part.inline_data.data)
        raise self._nothing(answer.prompt_feedback or answer.text)

    def _piece_of(self, text: str) -> bytes:
        client = self._client()
        answer: Any = client.interactions.create(model=self.version, input=text)
        if answer.output_audio and answer.output_audio.data:
            return base64.b64decode(answer.output_audio.data)
        raise self._nothing(answer.output_text)

    def _failed(self, error: Exception) -> EngineFailedError:
        """What the SDK raised; without an HTTP status nothing answered, which may pass as overload does."""
        code = getattr(error, "code", None) or getattr(error, "status_code", None)
        again = not isinstance(code, int) or code == 429 or code >= 500
        return EngineFailedError(f"{self.version} gave no answer: {error!s:.300}", again)

    def _nothing(self, told: object) -> EngineFailedError:
        return EngineFailedError(f"{self.version} gave no audio: {told or 'it does not say why'}")

    async def _played(
        self, text: str, request: Request, plan: Plan, without: tuple[str, ...]
    ) -> F32Array:
        """Listen to a session until the take is long enough, shape (2, n)."""
        from google.genai import types

        wanted = round(plan.seconds * _LIVE_RATE)
        low, high = _LIVE_TEMPO
        config = types.LiveMusicGenerationConfig(
            bpm=int(min(high, max(low, round(plan.tempo)))),
            scale=types.Scale(_SCALES[(plan.key.fifths + 5) % 12]),
            seed=request.seed % 2**31,
            mute_drums="drums" in without,
        )
        client = self._client()
        found = bytearray()
        async with (
            asyncio.timeout(_PATIENCE_SECONDS),
            client.aio.live.music.connect(model=f"models/{self.version}") as session,
        ):
            await session.set_weighted_prompts([types.WeightedPrompt(text=text, weight=1.0)])
            await session.set_music_generation_config(config)
            await session.play()
            async for message in session.receive():
                if message.filtered_prompt:
                    raise self._nothing(message.filtered_prompt.filtered_reason)
                content = message.server_content
                for chunk in (content.audio_chunks if content else None) or ():
                    found += chunk.data or b""
                if len(found) >= 4 * wanted:
                    break
            await session.stop()
        whole = np.frombuffer(bytes(found[: 4 * wanted]), "<i2").reshape(-1, 2).T
        return np.asarray(whole, np.float32) / np.float32(2**15)


def engine(access: Access) -> Engine:
    """Lyria."""
    return Lyria(access)
