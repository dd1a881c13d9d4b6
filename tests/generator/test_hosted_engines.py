"""Hosted engines against stand-ins on this machine; Lyria's answers are built from the SDK's own types."""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from generator import Access, EngineFailedError, Request, engine
from generator.audio_files import audio_file
from generator.engines.model_x import ModelX

Answer = tuple[int, bytes, str]
ASKED = Request(prompt="calm piano", tempo=240, bars=1, metre="4/4", key="D minor", seed=4)


class StandIn:
    """Answers requests by a function, and keeps them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any], dict[str, str]]] = []
        self.answer: Callable[[str, str], Answer] = lambda method, path: (404, b"{}", "")
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                stand_in.asked.append((self.command, self.path, body, dict(self.headers)))
                status, data, kind = stand_in.answer(self.command, self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind or "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    own = StandIn()
    thread = threading.Thread(target=own.server.serve_forever, daemon=True)
    thread.start()
    yield own
    own.server.shutdown()
    own.server.server_close()
    thread.join()


def sound(seconds: float = 1.0) -> bytes:
    random = np.random.default_rng(0)
    return audio_file(
        (random.standard_normal((2, round(44100 * seconds))) * 2**18).astype(np.int32), "WAV"
    )


def told(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def model_x(stand_in: StandIn, **access: Any) -> ModelX:
    return ModelX(Access(key="sesame", url=stand_in.url, **access), wait=lambda seconds: None)


def test_a_job_is_asked_once_waited_for_and_its_stems_fetched(stand_in: StandIn) -> None:
    outputs = [{"name": "piano", "instrument": "piano"}, {"name": "rain", "instrument": "?"}]
    states = iter(["busy", "queued", "running", "succeeded"])

    def answer(method: str, path: str) -> Answer:
        if path.endswith(("/piano", "/rain")):
            return 200, sound(), "audio/wav"
        state = next(states)
        if state == "busy":
            return 503, told(error={"message": "later"}), ""
        return 200, told(id="j 1", status=state, cost=0.5, outputs=outputs), ""

    stand_in.answer = answer
    take = model_x(stand_in, spend=1.0).generate(ASKED)
    assert [(s.name, s.seat.instrument.name) for s in take.stems] == [
        ("piano", "piano"),
        ("rain", "mix"),
    ]
    assert np.array_equal(take.mix, sum(stem.samples for stem in take.stems))
    (_, _, body, headers), (_, _, _, again) = stand_in.asked[:2]
    assert headers["Idempotency-Key"] == again["Idempotency-Key"]
    assert headers["Authorization"] == "Bearer sesame"
    assert (body["bpm"], body["key"], body["duration_seconds"], body["max_cost"]) == (
        240,
        "D minor",
        1,
        1,
    )
    assert stand_in.asked[2][1] == "/v1/music/jobs/j%201"


@pytest.mark.parametrize(("cost", "why"), [(3.0, "would charge 3"), (None, "an unknown sum")])
def test_a_job_that_costs_more_than_may_be_spent_is_taken_back(
    stand_in: StandIn, cost: float | None, why: str
) -> None:
    stand_in.answer = lambda method, path: (200, told(id="j", status="queued", cost=cost), "")
    with pytest.raises(EngineFailedError, match=why):
        model_x(stand_in, spend=1.0).generate(ASKED)
    assert stand_in.asked[-1][:2] == ("DELETE", "/v1/music/jobs/j")


@pytest.mark.parametrize(
    ("status", "again", "why"), [(400, False, "400 no such key"), (503, True, "in 4 tries")]
)
def test_a_refusal_is_told_and_only_what_may_pass_is_tried_again(
    stand_in: StandIn, status: int, again: bool, why: str
) -> None:
    stand_in.answer = lambda method, path: (status, told(error={"message": "no such key"}), "")
    with pytest.raises(EngineFailedError, match=why) as failed:
        model_x(stand_in).generate(ASKED)
    assert failed.value.again == again
    assert len(stand_in.asked) == (4 if again else 1)


def lyria(url: str, model: str) -> Any:
    pytest.importorskip("google.genai")
    return engine("lyria", Access(key="sesame", url=url, model=model))


def certified(path: Path) -> Path:
    """A key and certificate of this machine, by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


def test_a_clip_of_lyria_becomes_a_take(stand_in: StandIn) -> None:
    types = pytest.importorskip("google.genai.types")
    blob = types.Blob(data=sound(), mime_type="audio/wav")
    content = types.Content(role="model", parts=[types.Part(inline_data=blob)])
    full = types.GenerateContentResponse(candidates=[types.Candidate(content=content)])
    stand_in.answer = lambda method, path: (
        200,
        full.model_dump_json(by_alias=True, exclude_none=True).encode(),
        "",
    )
    take = lyria(stand_in.url, "lyria-3-clip-preview").generate(ASKED)
    assert take.ignored_controls == ("bars", "seed")
    assert take.mix.shape == (2, 44100)
    (method, path, body, headers) = stand_in.asked[0]
    assert (method, path.split("/")[-1]) == ("POST", "lyria-3-clip-preview:generateContent")
    assert "calm piano, calm, 240 bpm, D minor, 4/4 time" in json.dumps(body)
    assert {name.lower(): value for name, value in headers.items()}["x-goog-api-key"] == "sesame"


@pytest.mark.filterwarnings("ignore")
def test_a_piece_of_lyria_becomes_a_take(stand_in: StandIn) -> None:
    pytest.importorskip("google.genai")
    audio = {"type": "audio", "mime_type": "audio/wav", "data": base64.b64encode(sound()).decode()}
    stand_in.answer = lambda method, path: (
        200,
        told(id="i", status="completed", model="lyria-3.5", steps=[{"type": "model_output", "content": [audio]}]),
        "",
    )  # fmt: skip
    take = lyria(stand_in.url, "lyria-3.5").generate(ASKED)
    assert take.mix.shape == (2, 44100)
    assert stand_in.asked[0][1].endswith("/interactions")


@pytest.mark.filterwarnings("ignore")
def test_a_session_of_lyria_is_listened_to_until_the_take_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    types = pytest.importorskip("google.genai.types")
    from websockets.sync.server import serve

    heard: list[dict[str, Any]] = []
    chunk = np.random.default_rng(0).integers(-9000, 9000, 48_000).astype("<i2").tobytes()
    message = types.LiveMusicServerMessage(
        server_content=types.LiveMusicServerContent(audio_chunks=[types.AudioChunk(data=chunk)])
    ).model_dump_json(by_alias=True, exclude_none=True)

    def play(socket: Any) -> None:
        heard.append(json.loads(socket.recv()))
        socket.send(json.dumps({"setupComplete": {}}))
        heard.extend(json.loads(socket.recv()) for _ in range(3))
        for _ in range(6):
            socket.send(message)
        socket.recv()

    certificate = certified(tmp_path / "here.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # the SDK speaks TLS only
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(certificate)
    with serve(play, "127.0.0.1", 0, ssl=secure) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        port = server.socket.getsockname()[1]
        own = lyria(f"http://127.0.0.1:{port}", "lyria-realtime-exp")
        take = own.generate(ASKED.model_copy(update={"tempo": 150.0}))
        server.shutdown()
        thread.join()
    assert take.mix.shape[1] / take.rate == pytest.approx(1.6, abs=0.7)
    assert own.supports.streaming
    assert take.ignored_controls == ()
    config = next(
        each["musicGenerationConfig"] for each in heard if "musicGenerationConfig" in each
    )
    assert (config["bpm"], config["scale"], config["seed"]) == (150, "F_MAJOR_D_MINOR", 4)


def test_lyria_that_cannot_be_reached_may_be_tried_again() -> None:
    with pytest.raises(EngineFailedError) as failed:
        lyria("http://127.0.0.1:9", "lyria-3-clip-preview").generate(ASKED)
    assert failed.value.again
