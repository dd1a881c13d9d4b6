"""Stable Audio and ACE-Step through ``diffusers``, from weights on this machine; nothing is fetched.

Tested with the real pipelines at tiny size and random weights; never with the published ones.
"""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, Final

import numpy as np

from generator.arrays import F32Array
from generator.engines import Access, Engine, Sounds, Support
from generator.engines.audio_takes import IN_WORDS, Heard, asked, take_of, words
from generator.engines.needs import need_extra, needed_weights, version_of
from generator.plan import Plan
from generator.request import Request
from generator.takes import Take

_INDEX: Final = "model_index.json"


class _Local(ABC):
    """A pipeline of ``diffusers``.

    Parameters
    ----------
    access : Access
        Its folder of weights.
    steps : int
        Of denoising.
    """

    name: str
    _pipeline: str
    supports: Support

    def __init__(self, access: Access, steps: int) -> None:
        need_extra(self.name, "diffusers", "diffusion")
        self._weights = needed_weights(self.name, access, _INDEX)
        self.version = version_of(self._weights)
        self.steps = steps

    @cached_property
    def pipeline(self) -> Any:
        """Loaded when it is first played."""
        import diffusers
        import torch

        kind = getattr(diffusers, self._pipeline)
        own = kind.from_pretrained(str(self._weights), local_files_only=True)
        own.set_progress_bar_config(disable=True)
        return own.to("cuda" if torch.cuda.is_available() else "cpu")

    def generate(
        self, request: Request, parent: Take | None = None, sounds: Sounds | None = None
    ) -> Take:
        import torch

        read, plan = asked(self, request)
        own = read.completed(request)
        with torch.inference_mode():
            answer = self.pipeline(
                **self._told(own, plan, words(request, read, plan)),
                num_inference_steps=self.steps,
                generator=torch.Generator("cpu").manual_seed(request.seed),
            )
        samples: F32Array = np.asarray(answer.audios[0].float().cpu(), np.float32)
        rate = int(self.pipeline.vae.config.sampling_rate)
        return take_of(self, request, read, plan, [Heard("mix", samples, rate)])

    @abstractmethod
    def _told(self, request: Request, plan: Plan, text: str) -> dict[str, Any]:
        """What the pipeline is called with beside steps and seed."""


class StableAudio(_Local):
    """Stable Audio Open: words, what must not be heard, seconds, seed."""

    name = "stable-audio"
    _pipeline = "StableAudioPipeline"
    supports = Support(
        IN_WORDS | {"without", "bars", "seconds", "seed"}, repeatable=True, longest_seconds=47.0
    )

    def _told(self, request: Request, plan: Plan, text: str) -> dict[str, Any]:
        out = ", ".join(request.without)
        return {
            "prompt": text,
            "negative_prompt": f"low quality, {out}" if out else "low quality",
            "audio_end_in_s": plan.seconds,
        }


class AceStep(_Local):
    """ACE-Step: words, lyrics, tempo, key, metre, seconds, seed."""

    name = "ace-step"
    _pipeline = "AceStepPipeline"
    supports = Support(
        IN_WORDS | {"lyrics", "bars", "seconds", "seed"}, repeatable=True, longest_seconds=240.0
    )

    def _told(self, request: Request, plan: Plan, text: str) -> dict[str, Any]:
        return {
            "prompt": text,
            "lyrics": request.lyrics or "[Instrumental]",
            "audio_duration": plan.seconds,
            "bpm": round(plan.tempo),
            "keyscale": str(plan.key),
            "timesignature": str(plan.metre.beats),
        }


def stable_audio(access: Access) -> Engine:
    """Stable Audio."""
    return StableAudio(access, steps=100)


def ace_step(access: Access) -> Engine:
    """ACE-Step."""
    return AceStep(access, steps=8)
