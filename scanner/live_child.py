"""Plays one preview bar by bar, in a process that can be ended: `scanner/live_players.py` starts it.

``python -m scanner.live_child CPU_SECONDS``: the first line of standard input is the request, each further one
``{"controls": …, "another": false}`` asks for a bar. Each answer is a line of JSON, and as many bytes of samples
(float32, left channel, then right) as it says. It knows nothing of the service and keeps nothing.
"""

import json
import resource
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from generator.live import Bar

MEMORY_BYTES: Final = 4 << 30


def main() -> None:
    """Play it."""
    cpu_seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))

    from generator import InvalidRequestError, MissingPartError, request_of
    from generator.live import Controls, Live
    from generator.training_pieces import training_pieces

    try:
        _warm_up()
        _say({"ready": True})
        asked = _read()
        if asked is None:
            return
        live = Live(request_of(asked["fields"]), training_pieces(), endless=asked["endless"])
        while (order := _read()) is not None:
            try:
                controls = Controls(**order["controls"])
                bar = live.next_bar(controls, another=order["another"])
            except InvalidRequestError:  # looked at when they were set; a bar must come
                bar = live.next_bar(another=order["another"])
            if bar is None:
                _say({"over": True})
                return
            _send(bar)
    except MissingPartError as error:
        _say({"missing": str(error)})


def _warm_up() -> None:
    """Load what the first bar would wait for: models, soundfont, filters."""
    from generator import request_of
    from generator.live import Live
    from generator.training_pieces import training_pieces

    live = Live(request_of({"instruments": ["piano", "drums"], "bars": 1}), training_pieces())
    live.next_bar()
    live.close()


def _read() -> dict[str, Any] | None:
    line = sys.stdin.buffer.readline()
    read: dict[str, Any] | None = json.loads(line) if line else None
    return read


def _say(told: dict[str, Any], content: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + content)
    sys.stdout.buffer.flush()


def _send(bar: "Bar") -> None:
    told = {
        "bar": bar.number,
        "samples": bar.samples.shape[1],
        "tempo": bar.tempo,
        "stems": bar.stems,
        "drawn_anew": dict(bar.drawn_anew),
        "silent": bar.silent,
        "last": bar.last,
    }
    _say(told, bar.samples.astype("float32").tobytes())


if __name__ == "__main__":
    main()
