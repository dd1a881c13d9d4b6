"""MusicGen through ``transformers``, from weights on this machine; nothing is fetched.

Its published weights are for non-commercial use (CC BY-NC). Tested with the real model at tiny size and random weights;
never with the published ones.
"""

from functools import cached_property
from typing import Any, Final

import numpy as np

from generator.engines import Access, Engine, Sounds, Support
from generator.engines.audio_takes import IN_WORDS, Heard, asked, take_of, words
from generator.engines.needs import need_extra, needed_weights, version_of
from generator.request import Request
from generator.takes import Take

NAME: Final = "musicgen"
_GUIDANCE: Final = 3.0


class MusicGen:
    """The engine.

    Parameters
    ----------
    access : Access
        Its folder of weights.
    """

    name = NAME
    supports = Support(
        IN_WORDS | {"bars", "seconds", "seed"}, repeatable=True, longest_seconds=30.0
    )

    def __init__(self, access: Access) -> None:
        need_extra(NAME, "transformers", "musicgen")
        self._weights = needed_weights(NAME, access, "config.json")
        self.version = version_of(self._weights)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Tokenizer and model, loaded when it is first played."""
        import torch
        from transformers import AutoTokenizer, MusicgenForConditionalGeneration

        where = {"pretrained_model_name_or_path": str(self._weights), "local_files_only": True}
        model = MusicgenForConditionalGeneration.from_pretrained(**where).eval()
        return AutoTokenizer.from_pretrained(**where), model.to(
            "cuda" if torch.cuda.is_available() else "cpu"
        )

    def generate(
        self, request: Request, parent: Take | None = None, sounds: Sounds | None = None
    ) -> Take:
        import torch

        read, plan = asked(self, request)
        tokenizer, model = self._loaded
        codec = model.config.audio_encoder
        told = tokenizer([words(request, read, plan)], padding=True, return_tensors="pt")
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(request.seed)
            audio = model.generate(
                **told.to(model.device),
                do_sample=True,
                guidance_scale=_GUIDANCE,
                max_new_tokens=max(1, round(plan.seconds * codec.frame_rate)),
            )
        samples = np.asarray(audio[0].float().cpu(), np.float32)  # (channels, n)
        return take_of(self, request, read, plan, [Heard("mix", samples, codec.sampling_rate)])


def engine(access: Access) -> Engine:
    """MusicGen."""
    return MusicGen(access)
