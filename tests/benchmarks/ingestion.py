"""How fast users come in: `uv run python -m tests.benchmarks.ingestion`. README.md beside this file has figures, and
where the time goes.

Works on a database of its own, on the server of DATABASE_URL or else the embedded one, and drops it afterwards."""

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from callout_site import embedded_postgres

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
CONNECTIONS = 8
BATCH = 500
SCENARIOS = ("empty", "unchanged", "new", "batch")


@dataclass(frozen=True)
class Result:
    """What one round of load measured: requests a second, and percentiles of an answer's time in milliseconds."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Site:
    """A server with its application."""

    url: str
    key: str
    users: int
    processes: list[int]


def traits(n: int) -> dict[str, object]:
    """The same as in load.lua, so that a user sent again is unchanged."""
    return {
        "plan": "pro",
        "role": "admin",
        "company": f"Company {n % 5000}",
        "teamSize": n % 900,
        "signupDate": "2025-08-15T09:30:00Z",
        "country": "DE",
        "emailVerified": True,
        "score": n % 100 + 0.5,
    }


def user(external_id: str, n: int) -> dict[str, object]:
    return {"id": external_id, "email": f"user{n}@example.com", "name": f"User {n}", "traits": traits(n)}


@contextlib.contextmanager
def database() -> Iterator[dict[str, str]]:
    """The environment of processes that work on a fresh database."""
    server = os.environ.get("DATABASE_URL") or embedded_postgres.start(ROOT)
    name = f"callout_benchmark_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield os.environ | {
                "DATABASE_URL": urlunsplit(urlsplit(server)._replace(path=f"/{name}")),
                "SECRET_KEY": "for this benchmark",
                "CALLOUT_URL": "http://127.0.0.1",
                "PUBLIC_CALLS_PER_10_SECONDS": "1000000000",
                "SECRET_CALLS_PER_10_SECONDS": "1000000000",
            }
        finally:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure_import(environment: dict[str, str], users: int, folder: Path) -> Iterator[tuple[str, float]]:
    """Import so many new users from a CSV file, and as many again from JSON lines; users a second of each, with the
    time that the command takes to start. The CSV's are the users of the other scenarios."""
    csv_file, json_file = folder / "users.csv", folder / "users.jsonl"
    with csv_file.open("w") as out:
        out.write(f"id,email,name,{','.join(traits(0))}\n")
        for n in range(users):
            cells = [json.dumps(value).strip('"') for value in traits(n).values()]
            out.write(f"user_{n},user{n}@example.com,User {n},{','.join(cells)}\n")
    with json_file.open("w") as out:
        for n in range(users):
            out.write(json.dumps(user(f"line_{n}", n)) + "\n")
    for label, file in (("CSV", csv_file), ("JSON lines", json_file), ("JSON lines, unchanged", json_file)):
        began = time.perf_counter()
        manage(environment, "import_users", str(file), "--application", "acme")
        yield label, users / (time.perf_counter() - began)


@contextlib.contextmanager
def served(environment: dict[str, str], key: str, users: int) -> Iterator[Site]:
    """gunicorn as in the README's production line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "gunicorn", "tests.benchmarks.served", "--workers", "2", "--threads", "4"]
        command += ["--bind", f"fd://{listener.fileno()}", "--no-control-socket", "--log-level", "error"]
        with subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[listener.fileno()]) as process:
            try:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                wait_for(url)
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
                workers = [int(pid) for pid in children.read_text().split()] if children.exists() else []
                yield Site(url, key, users, workers)
            finally:
                process.terminate()


def wait_for(url: str) -> None:
    address = urlsplit(url)
    for _ in range(100):
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
            connection.request("GET", "/v1/health")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.2)
    raise SystemExit("the server does not answer")


def drive(site: Site, scenario: str, seconds: float) -> Result:
    """Load of one scenario through eight connections."""
    start = f"{scenario}_{time.monotonic_ns()}"
    return (
        with_wrk(site, scenario, seconds, start)
        if shutil.which("wrk")
        else with_threads(site, scenario, seconds, start)
    )


def with_wrk(site: Site, scenario: str, seconds: float, start: str) -> Result:
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds:.0f}s", "--latency"]
    command += ["--timeout", "30s", "--script", str(HERE / "load.lua"), site.url]
    command += ["--", site.key, scenario, str(site.users), start]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{scenario}: {said}")
    milliseconds = {"us": 0.001, "ms": 1.0, "s": 1000.0}

    def percentile(of: int) -> float:
        found = re.search(rf"\b{of}%\s+([\d.]+)(us|ms|s)", said)
        assert found
        return float(found[1]) * milliseconds[found[2]]

    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate
    return Result(float(rate[1]), percentile(50), percentile(99))


def with_threads(site: Site, scenario: str, seconds: float, start: str) -> Result:
    """Where there is no wrk. Slower itself, so its figures are for comparison among each other alone."""
    address, taken, until = urlsplit(site.url), list[float](), time.monotonic() + seconds
    headers = {"Authorization": f"Bearer {site.key}", "Content-Type": "application/json"}

    def call(thread: int) -> None:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        number = 0
        while time.monotonic() < until:
            number += 1
            n = (number * 7919 + thread) % site.users
            body: object = None
            if scenario == "unchanged":
                body = user(f"user_{n}", n)
            elif scenario == "new":
                body = user(f"{start}_{thread}_{number}", number)
            elif scenario == "batch":
                body = {"batch": [user(f"{start}_{thread}_{number}_{place}", place) for place in range(BATCH)]}
            path = {"empty": "/v1/empty", "batch": "/v1/batch"}.get(scenario, "/v1/identify")
            sent = None if body is None else json.dumps(body)
            began = time.perf_counter()
            connection.request("GET" if sent is None else "POST", path, sent, headers)
            answer = connection.getresponse()
            answer.read()
            taken.append((time.perf_counter() - began) * 1000)
            assert answer.status == 200, answer.status

    threads = [threading.Thread(target=call, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    percentiles = statistics.quantiles(taken, n=100)
    return Result(len(taken) / seconds, percentiles[49], percentiles[98])


def compare(site: Site, rounds: int, seconds: float) -> None:
    """Print each scenario's medians of some interleaved rounds, and its ratios to the empty view of the same rounds."""
    results: dict[str, list[Result]] = {scenario: [] for scenario in SCENARIOS}
    for scenario in SCENARIOS:
        drive(site, scenario, 2)  # caches are filled, connections are made
    for _ in range(rounds):
        for scenario in SCENARIOS:
            results[scenario].append(drive(site, scenario, seconds))
    print(
        f"{'scenario':<12}{'requests/s':>12}{'of empty':>10}{'p50 ms':>9}{'of empty':>10}{'p99 ms':>9}{'of empty':>10}"
    )
    for scenario in SCENARIOS:
        line = f"{scenario:<12}"
        for part, width in (("rate", 12), ("p50", 9), ("p99", 9)):
            found = [getattr(result, part) for result in results[scenario]]
            ratios = [value / getattr(empty, part) for value, empty in zip(found, results["empty"], strict=True)]
            line += f"{statistics.median(found):>{width},.1f}{statistics.median(ratios):>10.2f}"
        print(line)
    users = statistics.median(result.rate for result in results["batch"]) * BATCH
    print(f"\nbatches of {BATCH} new users with 8 traits: {users:,.0f} users/s")


def watch_memory(site: Site, calls: int) -> None:
    """Print what the workers take up over so many unchanged identifies."""

    def megabytes() -> str:
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in site.processes]
        return "  ".join(f"{count * os.sysconf('SC_PAGE_SIZE') / 2**20:.1f}" for count in pages)

    done = 0
    print(f"{'calls':>10}  MiB of each worker")
    while done < calls:
        done += int(drive(site, "unchanged", 30).rate * 30)
        print(f"{done:>10,}  {megabytes()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8, help="of each scenario in each round")
    parser.add_argument("--memory", type=int, metavar="CALLS", help="watch the workers over so many identifies instead")
    options = parser.parse_args()
    with database() as environment, tempfile.TemporaryDirectory() as folder:
        manage(environment, "migrate", "--verbosity", "0")
        made = manage(environment, "create_application", "Acme", "--owner", "owner@example.com", "--json")
        for label, rate in measure_import(environment, options.users, Path(folder)):
            print(f"import of {label}: {rate:,.0f} users/s", flush=True)
        with served(environment, json.loads(made)["secret_key"], options.users) as site:
            if options.memory:
                watch_memory(site, options.memory)
            else:
                compare(site, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
