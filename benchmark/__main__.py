"""Measures Portcullis beside nginx and HAProxy: `./bench [--quick]`.

All servers run at once, one worker each, pinned to one core; the load and the backend have the other. Each
round visits every server in turn, so that a slow minute of the machine hits all alike; medians are compared.
Only loopback, every run bounded in time and number.
"""

import argparse
import fcntl
import http.client
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from . import keys, load, memory, order, reload, report, servers
from .measure import cpu_seconds, resident_bytes
from .report import Row

SUBJECTS = 256


class Bench:
    """One run: its settings, its servers, its rows."""

    def __init__(self, folder, quick, only):
        self.folder = folder
        self.rounds = 3 if quick else 7
        self.seconds = 1 if quick else 3
        self.connections = 1000 if quick else 5000
        self.only = only
        self.rows = []
        self.running = []
        self.has_portcullis = servers.portcullis_binary() is not None

    def start(self, server):
        self.running.append(server)
        return server

    def stop_all(self):
        for server in reversed(self.running):
            server.stop()

    def wanted(self, name):
        return not self.only or any(part in name for part in self.only)

    # CPU time per request ------------------------------------------------------------------------------

    def compare(self, what, subjects, target=None, against="nginx", subject="portcullis", expect_refused=False):
        """CPU time per request of each of `subjects`, interleaved; the ratio of one of them to another.

        `subjects` maps a name to a server and a function that loads it.
        """
        if not self.wanted(what):
            return
        print(f"… {what}", file=sys.stderr)
        samples = {name: [] for name in subjects}
        for _ in range(self.rounds):
            for name, (server, run) in subjects.items():
                before = cpu_seconds(server.pid)
                answered = run(self.seconds)
                used = cpu_seconds(server.pid) - before
                answered.check(expect_refused)
                samples[name].append(used / answered.requests * 1e6)
        micros = {name: statistics.median(values) for name, values in samples.items()}
        row = Row(what, {name: f"{value:.1f} µs" for name, value in micros.items()})
        if subject in micros and against in micros:
            row.measured, row.target, row.against = micros[subject] / micros[against], target, against
        self.rows.append(row)

    # The scenarios -------------------------------------------------------------------------------------

    def run(self):
        folder = self.folder
        keys.make_certificate(folder)
        self.signer = keys.Signer(folder)
        self.start(servers.backend(folder))
        factories = {"nginx": servers.nginx, "haproxy": servers.haproxy}
        if self.has_portcullis:
            factories = {"portcullis": servers.portcullis, **factories}
        self.idle_memory(factories)
        walk = {name: self.start(factory(folder)) for name, factory in factories.items()}
        self.empty_memory(walk)
        self.plain_requests(walk)
        self.tokens(walk)
        self.uploads(walk)
        self.orders(walk)
        if self.has_portcullis:
            self.own_settings(walk["portcullis"])
        self.reloads(walk)
        if self.has_portcullis:
            self.start_up()

    def plain_requests(self, walk):
        # Each run is a closure over one server: the arguments bind it now.
        def http1(server, scheme, port):
            return server, lambda seconds: load.wrk(f"{scheme}://127.0.0.1:{port}/", seconds)

        def http2(server):
            return server, lambda seconds: load.h2load(f"https://127.0.0.1:{server.tls}/", seconds)

        def handshake(server):
            return server, lambda seconds: load.handshakes(server.tls, seconds)

        plain = {name: http1(server, "http", server.plain) for name, server in walk.items()}
        self.compare("GET, HTTP/1.1, plain", plain, 1.25)
        tls = {name: http1(server, "https", server.tls) for name, server in walk.items()}
        self.compare("GET, HTTP/1.1, TLS 1.3", tls, 1.10)
        self.compare("GET, HTTP/2, TLS 1.3", {name: http2(server) for name, server in walk.items()}, 1.25)
        self.compare("full handshake, TLS 1.3", {name: handshake(server) for name, server in walk.items()}, 0.70)

    def tokens(self, walk):
        good = [self.signer.token(f"subject-{number}") for number in range(SUBJECTS)]
        forged = [self.signer.forged(f"subject-{number}") for number in range(16)]
        good_script = load.write_token_script(self.folder / "good.lua", good)
        forged_script = load.write_token_script(self.folder / "forged.lua", forged)

        def ask(server, script):
            return server, lambda seconds: load.wrk(f"https://127.0.0.1:{server.token}/items", seconds, script)

        judges = {name: server for name, server in walk.items() if server.token}
        what = f"ES256 token, scope, limit by subject, {SUBJECTS} subjects, TLS"
        self.compare(what, {name: ask(server, good_script) for name, server in judges.items()}, 0.30, "haproxy")
        self.compare(
            "the same, forged token: 401, connection kept",
            {name: ask(server, forged_script) for name, server in judges.items()},
            0.85, "haproxy", expect_refused=True,
        )  # fmt: skip
        if self.has_portcullis:
            uncached = self.start(servers.portcullis(self.folder, "uncached", token_cache=False))
            subjects = {"portcullis": uncached, "haproxy": walk["haproxy"]}
            asked = {name: ask(server, good_script) for name, server in subjects.items()}
            self.compare("the same, without the cache of verified tokens", asked, 0.80, "haproxy")

    def uploads(self, walk):
        script = load.write_post_script(self.folder / "post.lua", 10 * 1024)

        def post(server):
            return server, lambda seconds: load.wrk(f"http://127.0.0.1:{server.plain}/", seconds, script)

        subjects = {name: post(server) for name, server in walk.items()}
        self.compare("POST of 10 KiB that nobody reads, plain", subjects, 1.15)

    def orders(self, walk):
        """nginx forwards the same bytes; only Portcullis knows who sends them and what they must look like."""
        tokens = [self.signer.token(f"subject-{number}") for number in range(SUBJECTS)]
        script = load.write_token_script(self.folder / "orders.lua", tokens, order.of_bytes(1024))

        def post(server):
            return server, lambda seconds: load.wrk(f"https://127.0.0.1:{server.tls}/orders", seconds, script)

        subjects = {name: post(server) for name, server in walk.items()}
        self.compare("POST of 1 KiB: token and schema; nginx and HAProxy forward, TLS", subjects, 1.6)

    def own_settings(self, usual):
        def ask(server):
            return server, lambda seconds: load.wrk(f"http://127.0.0.1:{server.plain}/", seconds)

        if self.wanted("operations"):
            few = self.start(servers.portcullis(self.folder, "few", operations=100))
            many = self.start(servers.portcullis(self.folder, "many", operations=10_000))
            subjects = {"portcullis": ask(many), "100 operations": ask(few)}
            self.compare("GET, 10,000 operations", subjects, 1.05, "100 operations")
        described = usual, lambda seconds: load.wrk(f"http://127.0.0.1:{usual.plain}/described", seconds)
        subjects = {"portcullis": described, "not described": ask(usual)}
        self.compare("GET, plain, the answer held to a schema", subjects, None, "not described")
        self.audit_writer(usual)

    def audit_writer(self, server):
        """The record cannot be switched off, so its cost is told by its thread. What a worker itself spends
        on an event is measured by `cargo bench -p portcullis-audit`, so this is no verdict on the target of 2.5 µs."""
        what = "audit event per request: CPU time of the writer's thread"
        if not self.wanted(what):
            return
        print(f"… {what}", file=sys.stderr)
        samples = []
        for _ in range(self.rounds):
            before = cpu_seconds(server.pid, thread="audit")
            answered = load.wrk(f"http://127.0.0.1:{server.plain}/", self.seconds)
            used = cpu_seconds(server.pid, thread="audit") - before
            samples.append(used / answered.requests * 1e6)
        micros = statistics.median(samples)
        self.rows.append(Row(what, {"portcullis": f"{micros:.1f} µs"}, micros, unit="µs"))

    def empty_memory(self, walk):
        if not self.wanted("memory"):
            return
        sizes = {name: resident_bytes(server.pid) / 2**20 for name, server in walk.items()}
        row = Row("memory, empty", {name: f"{size:.1f} MiB" for name, size in sizes.items()})
        if "portcullis" in sizes:
            row.measured, row.target, row.unit = sizes["portcullis"], 25, "MiB"
        self.rows.append(row)

    def idle_memory(self, factories):
        """Each server is started anew: memory that a load has left behind would hide the connections."""
        for tls, target in ((False, 16), (True, 24)):
            what = f"memory of an idle connection, {'TLS' if tls else 'plain'}, {self.connections:,} of them"
            if not self.wanted(what):
                continue
            print(f"… {what}", file=sys.stderr)
            sizes = {}
            for name, factory in factories.items():
                server = factory(self.folder)
                port = server.tls if tls else server.plain
                try:
                    sizes[name] = memory.bytes_per_connection(server, port, self.connections, tls) / 1024
                finally:
                    server.stop()
            row = Row(what, {name: f"{size:.1f} KiB" for name, size in sizes.items()})
            if "portcullis" in sizes:
                row.measured, row.target, row.unit = sizes["portcullis"], target, "KiB"
            self.rows.append(row)

    def reloads(self, walk):
        what = "8 reloads under load: requests lost / connections closed"
        if not self.wanted(what):
            return
        print(f"… {what}", file=sys.stderr)
        row = Row(what, {})
        seen = None
        for name, server in walk.items():
            change = self.change_policy(server) if name == "portcullis" else None
            losses, slowest = reload.under_load(server, server.plain, servers.RELOAD_SIGNAL[name], 8, 0.5, change)
            row.values[name] = f"{losses.failed} / {losses.closed}"
            if name == "portcullis":
                row.measured, row.target, row.unit = losses.failed + losses.closed, 0, ""
                seen = slowest
        self.rows.append(row)
        if seen is not None:
            self.rows.append(
                Row("new policy in force after", {"portcullis": f"{seen * 1000:.0f} ms"}, seen * 1000, 100, "ms")
            )

    def change_policy(self, server):
        """Adds an operation to the contract before each reload; in force is when it is no longer 404."""

        def change(number):
            # One operation more than before: its path is new to the gateway.
            operations = 20 + number
            servers.write_contract(self.folder / "portcullis" / "openapi.yaml", operations + 1)
            path = f"/area-{operations % 97}/thing-{operations}/1"
            return lambda: _status(server.plain, path) == 200

        return change

    def start_up(self):
        what = "start-up with 1,000 operations"
        if not self.wanted(what):
            return
        print(f"… {what}", file=sys.stderr)
        took = []
        for number in range(3):
            began = time.monotonic()
            server = servers.portcullis(self.folder, f"start-{number}", operations=1000)
            assert _status(server.plain, "/") == 200
            took.append(time.monotonic() - began)
            server.stop()
        seconds = statistics.median(took)
        self.rows.append(Row(what, {"portcullis": f"{seconds:.2f} s"}, seconds, 1, "s"))


def _status(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def main():
    parser = argparse.ArgumentParser(prog="./bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two minutes; good for a first look")
    parser.add_argument("--only", action="append", metavar="TEXT", help="scenarios whose name holds TEXT")
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance.md alone")
    arguments = parser.parse_args()

    # Two at once would measure each other, and share ports.
    lock = open(Path(os.environ["PORTCULLIS_CACHE"]) / "bench.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("error: another ./bench is running; wait for it")

    # Thousands of idle connections, in this process and in the servers that it starts.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("error: two cores are needed: one for the servers, one for the load")

    with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as folder:
        bench = Bench(Path(folder), arguments.quick, arguments.only)
        if not bench.has_portcullis:
            print("portcullis is not built: measuring the others alone", file=sys.stderr)
        began = time.monotonic()
        try:
            bench.run()
        finally:
            bench.stop_all()
    note = (
        f"Measured by `./bench{' --quick' if arguments.quick else ''}` in {time.monotonic() - began:.0f} s, "
        f"{bench.rounds} interleaved rounds of {bench.seconds} s, medians. {report.setting()}."
    )
    print(report.text_table(bench.rows))
    print(note)
    if not arguments.no_write and not arguments.only:
        report.write(Path(__file__).parent.parent / "docs" / "performance.md", bench.rows, note)
    missed = [row.what for row in bench.rows if row.verdict() == "MISSED"]
    if missed:
        print(f"missed: {len(missed)} of {sum(1 for row in bench.rows if row.verdict())} targets")


main()
