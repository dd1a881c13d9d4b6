"""A preview as an answer: what ends its making."""

import anyio

from scanner import live_answers
from scanner.live_answers import LiveResponse


class Tone:
    """Sound without an end, and whether its making ended."""

    ahead_seconds = 0.0
    closed = False

    def next_chunk(self) -> bytes:
        return bytes(1000)

    def close(self) -> None:
        self.closed = True


def test_a_listener_who_stays_connected_and_takes_nothing_keeps_no_process(monkeypatch) -> None:
    monkeypatch.setattr(live_answers, "STALL_SECONDS", 0.05)
    tone = Tone()

    async def receive() -> dict:
        await anyio.sleep_forever()

    async def send(message: dict) -> None:
        if message["type"] == "http.response.body":
            await anyio.sleep_forever()  # as a server does while the line is full

    async def listen() -> str:
        with anyio.move_on_after(5):
            try:
                await LiveResponse(tone, "audio/ogg")({"type": "http"}, receive, send)
            except live_answers.ClientDisconnect:
                return "gone"
        return "still there"

    assert anyio.run(listen) == "gone"
    assert tone.closed
