"""What platforms, their readers and reviewers send; run by Locust with the plan that ``LOAD_PLAN`` names.

The plan is a JSON file: ``files``, the tracks; ``platform`` and ``reviewers``, their keys; ``ids``, tracks that
are there already; ``uploads``, ``reads``, ``verdicts``, each ``{"users": n, "period": s}``, whose ``n`` clients
start a request every ``s`` seconds or, if the answer took longer, at once; ``closed``, clients that wait for the
decision on each track before they send the next; ``out``, where a line of JSON for each request goes.
"""

import json
import os
import random
import time
import uuid
from pathlib import Path

from locust import FastHttpUser, events, task

PLAN = json.loads(Path(os.environ["LOAD_PLAN"]).read_text())
FILES = [Path(each).read_bytes() for each in PLAN["files"]]
IDS = list(PLAN["ids"])
DONE = {"released", "conditioned", "quarantined", "blocked", "held"}
OUT = Path(PLAN["out"]).open("w", buffering=1)  # noqa: SIM115 - open until the process ends
ANSWERS = {
    "reference_flood": ("activate", "human.nothing-wrong"),
    "reference_conflict": ("activate", "human.nothing-wrong"),
    "spot_check": ("dismiss", "human.nothing-wrong"),
}


@events.request.add_listener
def note(name, start_time, response_time, response, exception, **_):
    """Write down what came of a request."""
    status = getattr(response, "status_code", 0) or 0
    headers = getattr(response, "headers", None) or {}
    line = {
        "kind": name,
        "at": start_time,
        "ms": response_time,
        "status": status,
        "retry_after": headers.get("Retry-After"),
        "error": None if status else str(exception)[:200],
    }
    OUT.write(json.dumps(line) + "\n")


class Client(FastHttpUser):
    """One connection; it gives up after half a minute."""

    abstract = True
    connection_timeout = network_timeout = 30.0

    @classmethod
    def planned(cls, part):
        """Take number and pace from the plan."""
        wanted = PLAN.get(part, {"users": 0, "period": 1})
        cls.fixed_count = wanted["users"]
        cls.weight = 1 if wanted["users"] else 0
        cls.period = wanted["period"]
        cls.abstract = not wanted["users"]

    def on_start(self):
        """Begin anywhere in the period, so that not all ask at the same moment."""
        self.due = time.monotonic() + random.random() * self.period
        time.sleep(self.due - time.monotonic())

    def wait_time(self):
        """Keep the moment in the period that it began at: by Locust's own pacing all come to ask at once."""
        self.due += self.period
        return max(0.0, self.due - time.monotonic())

    def headers(self, token):
        """Return a request's headers; who comes again after seconds opens a connection of their own."""
        kept = {} if self.period == 0 else {"Connection": "close"}
        return kept | {"Authorization": f"Bearer {token}"}

    def upload(self):
        """Send a track; return its id, or None if it was not taken."""
        name = str(uuid.uuid4())
        answer = self.client.post(
            "/v1/tracks",
            headers=self.headers(PLAN["platform"]) | {"Idempotency-Key": name},
            files={"file": ("track.ogg", random.choice(FILES), "audio/ogg")},
            data={"external_id": name},
            name="upload",
        )
        if answer.status_code != 202:
            return None
        track_id = answer.json()["track_id"]
        IDS.append(track_id)
        OUT.write(json.dumps({"accepted": track_id, "name": name}) + "\n")
        return track_id

    def read(self, track_id):
        """Read a track; return its state, None if there was no answer."""
        answer = self.client.get(
            f"/v1/tracks/{track_id}",
            headers=self.headers(PLAN["platform"]),
            name="status",
        )
        return answer.json()["state"] if answer.status_code == 200 else None


class Uploader(Client):
    """A platform that sends tracks at its own pace."""

    @task
    def send(self):
        """Send one."""
        self.upload()


class Reader(Client):
    """Somebody who reads how far tracks are."""

    @task
    def look(self):
        """Read one."""
        if IDS:
            self.read(random.choice(IDS[-500:]))


class Reviewer(Client):
    """A person who takes the most pressing case and decides it."""

    def on_start(self):
        """Choose a login."""
        super().on_start()
        self.token = random.choice(PLAN["reviewers"])

    @task
    def decide(self):
        """Take a case, if there is one, and let the track go."""
        answer = self.client.post(
            "/v1/cases/next/lease", json={}, headers=self.headers(self.token), name="lease"
        )
        case = answer.json()["case"] if answer.status_code == 200 else None
        if case is None:
            return
        verdict, reason = ANSWERS.get(case["kind"], ("release", "human.nothing-wrong"))
        self.client.post(
            f"/v1/cases/{case['id']}/verdict",
            json={"verdict": verdict, "reason": reason},
            headers=self.headers(self.token),
            name="verdict",
        )


class Waiter(Client):
    """A platform that sends a track, waits until it is decided, and sends the next."""

    @task
    def send_and_wait(self):
        """Send one and wait."""
        track_id = self.upload()
        while track_id is not None and self.read(track_id) not in DONE:
            time.sleep(0.5)
        if track_id is not None:
            OUT.write(json.dumps({"decided": track_id, "at": time.time()}) + "\n")


Uploader.planned("uploads")
Reader.planned("reads")
Reviewer.planned("verdicts")
Waiter.planned("closed")
