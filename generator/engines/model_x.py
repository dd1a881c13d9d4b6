"""Model X: a hypothetical engine behind an HTTP contract for jobs, shaped as OpenAI's API is. No vendor speaks it.

``POST /v1/music/jobs`` takes the request and answers ``{"id", "status", "cost"}``; ``GET /v1/music/jobs/{id}`` answers
``{"status", "cost", "error": {"message"}, "outputs": [{"name", "instrument"}]}`` with status ``queued``, ``running``,
``succeeded`` or ``failed``; ``GET /v1/music/jobs/{id}/outputs/{name}`` is audio; ``DELETE`` takes a job back. A job
is sent with an ``Idempotency-Key``, so that sending again makes no second one.
"""

import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import httpx

from generator.engines import Access, Engine, Sounds, Support
from generator.engines.audio_takes import IN_WORDS, MIX, Heard, asked, decoded, take_of, words
from generator.engines.needs import needed_key
from generator.errors import EngineFailedError, MissingPartError
from generator.instruments import INSTRUMENTS
from generator.plan import Plan
from generator.request import MOST_STEMS, Request
from generator.takes import Take, take_id

NAME: Final = "model-x"
_TRIES: Final = 4
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 30.0
_POLLS: Final = 120
_POLL_S: Final = 2.0
_MOST_BYTES: Final = 400_000_000
_BUSY: Final = frozenset((408, 429, 500, 502, 503, 504))


class ModelX:
    """The engine.

    Parameters
    ----------
    access : Access
        Its key and address; what a take may cost at most.
    wait : callable
        Waits so many seconds.
    """

    name = NAME
    supports = Support(
        IN_WORDS | {"without", "bars", "seconds", "seed", "lyrics", "form"},
        stems=True,
        longest_seconds=240.0,
    )

    def __init__(self, access: Access, wait: Callable[[float], None] = time.sleep) -> None:
        if not access.url:
            raise MissingPartError(f"{NAME} needs an address: give one as `Access.url`")
        self._url = access.url.rstrip("/")
        self._key = needed_key(NAME, access)
        self._spend = access.spend
        self.version = access.model or "x-1"
        self._wait = wait

    def generate(
        self, request: Request, parent: Take | None = None, sounds: Sounds | None = None
    ) -> Take:
        read, plan = asked(self, request)
        told = self._told(request, plan, words(request, read, plan))
        headers = {"Authorization": f"Bearer {self._key}"}
        with httpx.Client(base_url=self._url, headers=headers, timeout=60) as client:
            own = take_id(NAME, self.version, request)
            job = self._asked(client, "POST", "/v1/music/jobs", told, own).json()
            self._affordable(client, job)
            done = self._finished(client, job)
            parts = [self._output(client, job["id"], each) for each in done["outputs"][:MOST_STEMS]]
        return take_of(self, request, read, plan, parts)

    def _told(self, request: Request, plan: Plan, text: str) -> dict[str, Any]:
        return {
            "model": self.version,
            "prompt": text,
            "negative_prompt": ", ".join(request.without),
            "duration_seconds": round(plan.seconds, 3),
            "bpm": plan.tempo,
            "key": str(plan.key),
            "time_signature": str(plan.metre),
            "sections": [section.letter for section in plan.sections],
            "lyrics": request.lyrics,
            "seed": request.seed,
            "stems": True,
            "max_cost": self._spend,
        }

    def _asked(
        self, client: httpx.Client, method: str, path: str, body: Any = None, once: str = ""
    ) -> httpx.Response:
        """An answer; what may pass by itself is tried again, later each time."""
        wait, why = _FIRST_WAIT_S, ""
        for number in range(_TRIES):
            if number:
                self._wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)
            try:
                answer = client.request(
                    method, path, json=body, headers={"Idempotency-Key": once} if once else {}
                )
            except httpx.TransportError as error:
                why = f"can't be reached: {error}"
                continue
            if answer.is_success:
                return answer
            why = f"{answer.status_code} {_message(answer)}"
            if answer.status_code not in _BUSY:
                raise EngineFailedError(f"{NAME} refuses the request: {why}")
            wait = _told_to_wait(answer, wait)
        raise EngineFailedError(f"{NAME} gave no answer in {_TRIES} tries: {why}", again=True)

    def _affordable(self, client: httpx.Client, job: dict[str, Any]) -> None:
        """Take a job back that would cost more than may be spent; one of unknown cost as well."""
        if self._spend is None:
            return
        cost = job.get("cost")
        if cost is None or cost > self._spend:
            self._asked(client, "DELETE", _path(job["id"]))
            told = "an unknown sum" if cost is None else f"{cost:g}"
            raise EngineFailedError(
                f"{NAME} would charge {told}, and {self._spend:g} may be spent: job taken back"
            )

    def _finished(self, client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
        for _ in range(_POLLS):
            if job["status"] == "succeeded":
                return job
            if job["status"] == "failed":
                told = (job.get("error") or {}).get("message", "it does not say why")
                raise EngineFailedError(f"{NAME} failed: {told}")
            self._wait(_POLL_S)
            job = self._asked(client, "GET", _path(job["id"])).json()
            self._affordable(client, job)
        self._asked(client, "DELETE", _path(job["id"]))
        raise EngineFailedError(f"{NAME} was not done in {_POLLS * _POLL_S:g} s", again=True)

    def _output(self, client: httpx.Client, job: str, told: dict[str, Any]) -> Heard:
        name = str(told["name"])[:64]
        data = self._asked(client, "GET", f"{_path(job)}/outputs/{quote(name, safe='')}").content
        if len(data) > _MOST_BYTES:
            raise EngineFailedError(f"{NAME}: output {name} is larger than {_MOST_BYTES} bytes")
        samples, rate = decoded(data, NAME)
        player = INSTRUMENTS.get(str(told.get("instrument")), MIX)
        return Heard(name, samples, rate, player=player)


def _path(job: str) -> str:
    return f"/v1/music/jobs/{quote(str(job), safe='')}"


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase


def _told_to_wait(answer: httpx.Response, wait: float) -> float:
    told = answer.headers.get("Retry-After", "")
    return min(float(told), _LONGEST_WAIT_S) if told.isdecimal() else wait


def engine(access: Access) -> Engine:
    """Model X."""
    return ModelX(access)
