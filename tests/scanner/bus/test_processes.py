"""Worker processes: they drain on a signal, are replaced when they die, and end with their parent."""

import os
import signal
import subprocess
import sys
import threading
import time

import httpx
import psutil
import pytest

from scanner.bus.worker import WATCH_PARENT, Supervisor, environment, run_worker
from scanner.service import Service
from scanner.settings import Settings
from tests.servers import free_port, wait_until

PARENT = """
import sys, time
from scanner.bus.worker import Supervisor
from scanner.settings import Settings
with Supervisor(Settings(), 2) as supervisor:
    print(*supervisor.pids(), flush=True)
    time.sleep(600)
"""


def test_a_worker_reads_the_settings_of_its_parent(monkeypatch) -> None:
    settings = Settings(
        allowed_hosts="a.example:80,b.example:80",
        case_target_hours="*=12,notice=3",
        oidc_domains="a.example,b.example",
        out_of_court_bodies=("First body", "Second"),
        oidc_roles={"leads": "policy_lead"},
        store_options={"endpoint_url": "http://127.0.0.1:9000"},
        dmca_agent_registered_at="2025-04-01",
        public_reports=False,
    )

    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)

    assert Settings() == settings


def _gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_process_drains_on_a_signal(make_service, signum) -> None:
    service = make_service()
    with subprocess.Popen(
        [sys.executable, "-m", "scanner.bus.worker"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | environment(service.settings),
    ) as worker:
        assert worker.stderr is not None
        said = []
        for line in worker.stderr:
            said.append(line)
            if b"worker_started" in line:
                worker.send_signal(signum)

        assert worker.wait(20) == 128 + signum
        assert b"worker_stopped" in said[-1]


def test_a_worker_that_is_to_stop_loads_nothing_more_for_a_first_track(make_service) -> None:
    stopping = threading.Event()
    stopping.set()
    with Service(make_service().settings) as service:
        run_worker(service, None, stopping)
        assert "decoder" not in vars(service)


@pytest.mark.parametrize("of_a_server", [False, True])
def test_a_worker_that_runs_alone_is_scraped_and_one_of_a_server_is_not(
    make_service, of_a_server: bool
) -> None:
    """What a server's workers count is told by the server: it would be counted twice."""
    address = f"127.0.0.1:{free_port()}"
    service = make_service(worker_metrics=address)
    with subprocess.Popen(
        [sys.executable, "-m", "scanner.bus.worker", *[WATCH_PARENT] * of_a_server],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | environment(service.settings),
    ) as worker:
        assert worker.stderr is not None
        next(line for line in worker.stderr if b"worker_started" in line)
        if of_a_server:
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"http://{address}/metrics", timeout=30)
        else:
            told = httpx.get(f"http://{address}/metrics", timeout=30).text
            assert 'clearance_marks_failed_total{where="analysis"} 0.0' in told
        worker.terminate()
        worker.communicate(timeout=20)


COUNTING = "import sys, faiss; open(sys.argv[1], 'w').write(str(faiss.omp_get_max_threads()))"
COMMAND = "from scanner.cli import main\ntry:\n    main()\nfinally:\n    import faiss\n    print(faiss.omp_get_max_threads())"


@pytest.mark.parametrize(("asked", "threads"), [(None, 1), ("3", 3)])
def test_a_worker_computes_with_one_thread_unless_it_is_told_otherwise(
    make_service, monkeypatch, tmp_path, asked, threads
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    told = tmp_path / "threads"
    with Supervisor(make_service().settings, 1, ("-c", COUNTING, str(told))):
        wait_until(lambda: told.exists() and told.read_text(), 20, "its answer")
    assert int(told.read_text()) == threads


@pytest.mark.parametrize(("asked", "threads"), [({}, "1"), ({"OMP_NUM_THREADS": "3"}, "3")])
def test_a_command_computes_with_one_thread_unless_it_is_told_otherwise(asked, threads) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    told = subprocess.run(
        [sys.executable, "-c", COMMAND, "--version"],
        env=kept | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout.split()[-1] == threads, told.stderr


def test_workers_of_a_server_give_way_to_its_requests(make_service) -> None:
    service = make_service(worker_niceness=7)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with Supervisor(service.settings, 1) as supervisor:
        [pid] = supervisor.pids()
        wait_until(
            lambda: os.getpriority(os.PRIO_PROCESS, pid) == min(19, own + 7), 20, "its niceness"
        )


def test_a_worker_that_dies_is_replaced_and_none_is_left_behind(make_service) -> None:
    service = make_service()
    with Supervisor(service.settings, 2) as supervisor:
        first, second = supervisor.pids()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: first not in supervisor.pids(), 20, "a new worker")
        replaced = supervisor.pids()
        assert second in replaced
        time.sleep(1.5)  # let them come up, so that SIGTERM finds a handler

    assert all(_gone(pid) for pid in {first, second, *replaced})


def test_workers_end_with_a_parent_that_is_killed(make_service) -> None:
    service = make_service()
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        env=os.environ | environment(service.settings),
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()

    wait_until(lambda: all(_gone(pid) for pid in pids), 30, "the workers' end")
