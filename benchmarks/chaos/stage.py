"""The parts of an installation, each of which can be ended, cut off and started again."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from scanner.bus.worker import environment
from scanner.consumer_groups import GROUPS
from scanner.settings import Settings
from tests.loopback import running_s3
from tests.servers import free_port, running_broker, wait_until

STAGES: Final = ("analyse", "decide", "release", "notify")
OTHERS: Final = tuple(group.name for group in GROUPS if group.name not in STAGES)
START_SECONDS: Final = 120
RESTART_SECONDS: Final = 1.0
BLOCK: Final = 1 << 16


class Postgres:
    """A server whose data outlives its process."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            raise SystemExit("PostgreSQL's server programs are missing: apt-get install postgresql")
        self._programs, self._folder, self.port = found[-1].parent, folder, free_port()
        self._identity: dict[str, Any] = {}
        folder.mkdir()
        if os.geteuid() == 0:  # initdb refuses root
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        subprocess.run(
            [self._programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", "clearance"],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            **self._identity,
        )
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://clearance@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(self._programs / "postgres", "-D", self._folder / "data", "-p", str(self.port)),
                *("-k", self._folder, "-c", "listen_addresses=127.0.0.1"),
                *("-c", "max_connections=300"),
            ],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._identity,
        )
        wait_until(self._answers, START_SECONDS, "PostgreSQL's start")

    def crash(self) -> None:
        """End it at once, as a power cut would, and start it again on what it had written."""
        self._process.send_signal(signal.SIGQUIT)  # immediate: no checkpoint, recovery at the start
        self._process.wait(60)
        self.start()

    def end(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

    def _answers(self) -> bool:
        try:
            address = f"host=127.0.0.1 port={self.port} user=clearance dbname=postgres"
            psycopg.connect(address, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class Broker:
    """A broker that keeps nothing: started again, it is empty."""

    def __init__(self) -> None:
        self.port = free_port()
        self._open = contextlib.ExitStack()
        self.start()

    def start(self) -> None:
        self._open.enter_context(running_broker(self.port))

    def end(self) -> None:
        self._open.close()


class Proxy:
    """Forwards connections to another port until it is cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._is_cut = False
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break off what is under way and take nothing more."""
        self._is_cut = True
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._is_cut = False

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self._is_cut:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._open |= {client, server}
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := one.recv(BLOCK):
                other.sendall(block)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            self._open.discard(each)


class Process:
    """A process of the program; ended by anything but a request, it is started again."""

    def __init__(self, words: list[str], variables: dict[str, str], log: Path) -> None:
        self._words, self._variables, self._log = words, variables, log
        self._process = self._started()
        self._ending, self._changing = threading.Event(), threading.Lock()
        threading.Thread(target=self._keep_up, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, after which there is a new one."""
        self._signal(signal.SIGKILL)

    def end(self) -> None:
        """SIGTERM, and SIGKILL if that does not help."""
        with self._changing:
            self._ending.set()
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(60)

    def _started(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._words, env=self._variables, stdout=log, stderr=log, start_new_session=True
            )

    def _keep_up(self) -> None:
        """Do what an init system does; one that starts while its database is away ends with an error."""
        while True:
            self._process.wait()
            self._ending.wait(RESTART_SECONDS)
            with self._changing:
                if self._ending.is_set():
                    return
                self._process = self._started()

    def _signal(self, number: signal.Signals) -> None:
        """Reach its children as well: what another program started is one of those."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


class Stage:
    """A whole installation on the loopback.

    Parameters
    ----------
    folder : Path
        Empty; everything is in it.
    allowed : str
        host:port of the files that submissions by Kafka name.
    """

    def __init__(self, folder: Path, allowed: str, s3: dict[str, Any]) -> None:
        self.postgres, self.broker = Postgres(folder / "postgres"), Broker()
        self.s3 = Proxy(int(s3["endpoint_url"].rpartition(":")[2]))
        home = folder / "home"
        self.settings = Settings(
            home=home,
            database_url=self.postgres.url,
            store_url="s3://audio/chaos",
            store_options=s3 | {"endpoint_url": f"http://127.0.0.1:{self.s3.port}"},
            kafka=f"127.0.0.1:{self.broker.port}",
            kafka_session_timeout_ms=6000,
            republish_seconds=20.0,
            allowed_hosts=allowed,
            lease_seconds=5.0,
            retry_cap_seconds=5.0,
            retries=12,
            rate_limit="100000/minute",
            port=free_port(),
            workers=0,
        )
        self._folder = folder
        self.variables = {
            name: value for name, value in os.environ.items() if not name.startswith("CLEARANCE_")
        } | environment(self.settings)

    def open(self) -> None:
        """Start the API and a worker for each stage."""
        self.api = self._program("api", "serve", "--workers", "0")
        stages = {stage: (stage,) for stage in STAGES} | {"others": OTHERS}
        self.workers = {
            name: self._program(name, "worker", *(w for each in own for w in ("--stage", each)))
            for name, own in stages.items()
        }
        wait_until(self.is_up, START_SECONDS, "the API's start")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def is_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def end(self) -> None:
        for each in (self.api, *self.workers.values()):
            each.end()
        self.broker.end()
        self.postgres.end()

    def _program(self, name: str, *words: str) -> Process:
        program = str(Path(sys.executable).with_name("clearance"))
        return Process([program, *words], self.variables, self._folder / f"{name}.log")

    def beside(self, name: str, *words: str) -> Process:
        """One more process of the program, by way of another."""
        program = str(Path(sys.executable).with_name("clearance"))
        return Process(
            [*words, program, "worker", "--stage", "analyse"],
            self.variables,
            self._folder / f"{name}.log",
        )


@contextlib.contextmanager
def stage(folder: Path, allowed: str) -> Iterator[Stage]:
    """Give an installation without its processes; what was started is ended."""
    folder.mkdir(parents=True)
    with running_s3("audio") as s3:
        made = Stage(folder, allowed, s3)
        try:
            yield made
        finally:
            made.end()
            shutil.rmtree(folder / "home" / "tmp", ignore_errors=True)
