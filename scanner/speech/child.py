"""Run as a process of its own, under limits: ``python -m scanner.speech.child MODEL CPU_SECONDS``.

Standard input is 16 kHz float32 mono; the answer is one JSON object on standard output. It opens no file but the
model's and reaches no network.
"""

import json
import os
import resource
import sys
from typing import Any, Final

MEMORY_BYTES: Final = 4 << 30
BEAMS: Final = (1, 5)
"""Two searches that seldom invent the same text."""


def main() -> None:
    """Hear what is sung, twice."""
    model_folder, cpu_seconds = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

    import numpy as np
    from faster_whisper import WhisperModel

    samples = np.frombuffer(sys.stdin.buffer.read(), np.float32)
    model = WhisperModel(
        model_folder, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
    )
    passes: list[list[dict[str, Any]]] = []
    language = None
    for beam in BEAMS:
        segments, info = model.transcribe(
            samples,
            language=language,
            beam_size=beam,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=False,  # it takes singing for music: docs/words.md
        )
        passes.append([_told(segment) for segment in segments])
        language = info.language
        if not passes[0]:
            break
    json.dump({"language": language, "passes": passes}, sys.stdout)


def _told(segment: Any) -> dict[str, Any]:
    return {
        "start": round(float(segment.start), 2),
        "end": round(float(segment.end), 2),
        "text": segment.text,
        "log_probability": float(segment.avg_logprob),
        "no_speech": float(segment.no_speech_prob),
        "compression": float(segment.compression_ratio),
    }


if __name__ == "__main__":
    main()
