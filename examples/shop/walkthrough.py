#!/usr/bin/env python3
"""Starts the shop and Portcullis in front of it, and shows what to try: the work behind `./demo`.

Prints curl lines with what each should answer, and runs until Ctrl-C. With --check it runs the lines itself,
compares, and ends with 0 if all answered as they should.
"""

import argparse
import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

SHOP = Path(__file__).parent
STATE = SHOP / ".portcullis"
TOKENS = STATE / "tokens"
ISSUER = "https://issuer.shop.example"
SECURE, PLAIN = "https://localhost:8443", "http://localhost:8080"
PORTS = {3000: "the shop", 8443: "TLS", 8080: "plaintext", 9901: "the admin listener"}

# Name → what `portcullis demo token` is asked for.
CREDENTIALS = {
    "alice": ["--subject", "alice", "--audience", "shop-api", "--scope", "orders:read orders:write"],
    "bob": ["--subject", "bob", "--audience", "shop-api", "--scope", "orders:read"],
    "support": ["--subject", "support", "--audience", "shop-api", "--scope", "users:read users:write"],
    "expired": ["--subject", "alice", "--audience", "shop-api", "--scope", "orders:read", "--expired"],
    "elsewhere": ["--subject", "alice", "--audience", "billing-api", "--scope", "orders:read"],
}


@dataclass
class Case:
    """One curl line, and what it should answer."""

    title: str
    arguments: list
    status: int
    code: str = ""  # the problem document's code
    credential: str = ""
    holds: str = ""  # a part of the answer
    lacks: list = field(default_factory=list)  # what must not be in the answer

    def command(self, authority):
        arguments = ["curl", "-s", "-i", "--cacert", relative(authority)]
        if self.credential:
            # curl reads header lines from a file, so that no token stands in a command line.
            arguments += ["-H", f"@{relative(TOKENS / self.credential)}"]
        return arguments + self.arguments

    def expected(self):
        return f"{self.status} {self.code}".strip()

    def mistake(self, answer):
        """What is wrong with `answer`, if anything is."""
        statuses = {int(status) for status in re.findall(r"HTTP/[\d.]+ (\d{3})", answer)}
        if self.status not in statuses:
            return f"answered {statuses or 'nothing'}"
        if self.code and self.code not in answer:
            return f"the code `{self.code}` is not in the answer"
        if self.holds and self.holds not in answer:
            return f"`{self.holds}` is not in the answer"
        leaked = [text for text in self.lacks if text in answer]
        return f"`{leaked[0]}` is in the answer" if leaked else ""


def json_body(value):
    return ["-H", "content-type: application/json", "-d", value]


CASES = [
    Case("what everybody may see", [f"{SECURE}/products"], 200, holds="Kettle", lacks=["x-powered-by"]),
    Case("a good call", [f"{SECURE}/orders"], 200, credential="alice", holds='"status"'),
    Case(
        "an order placed",
        [*json_body('{"items":[{"product":"p-3","quantity":2}]}'), f"{SECURE}/orders"],
        201, credential="alice", holds='"customer": "alice"',
    ),
    Case("no token", [f"{SECURE}/orders"], 401, "credential_missing", holds="Bearer"),
    Case("an expired token", [f"{SECURE}/orders"], 401, "token_invalid", "expired"),
    Case("a token for another service", [f"{SECURE}/orders"], 401, "token_invalid", "elsewhere"),
    Case("a token without the scope", [f"{SECURE}/users/alice"], 403, "scope_insufficient", "alice"),
    Case(
        "a broken body",
        [*json_body('{"items":[{"product":"p-3","quantity":"2"}]}'), f"{SECURE}/orders"],
        400, "request_invalid", "alice",
    ),
    Case(
        "a member that the contract does not declare",
        ["-X", "PATCH", *json_body('{"role":"admin"}'), f"{SECURE}/users/alice"],
        400, "request_invalid", "support",
    ),
    Case(
        "a row that says more than it should",
        [f"{SECURE}/users/alice"], 200, credential="support", holds="alice@shop.example",
        lacks=["correct horse", "4111111111111111"],
    ),
    Case("a route that somebody forgot", [f"{SECURE}/debug/configuration"], 404, "operation_unknown", "alice", lacks=["hunter2"]),
    Case("a method that is not declared", ["-X", "DELETE", f"{SECURE}/orders/1"], 405, "method_undeclared", "alice"),
    Case("a path that can be read in two ways", ["--path-as-is", f"{SECURE}/orders/..%2fdebug%2fconfiguration"], 400, "path_ambiguous", "alice"),
    Case(
        "a smuggling attempt: two lengths",
        ["--http1.1", "-H", "transfer-encoding: chunked", "-H", "content-length: 4", *json_body("{}"), f"{SECURE}/orders"],
        400, "framing_ambiguous", "alice",
    ),
    Case("plaintext, no credential", [f"{PLAIN}/products"], 308, holds="https://"),
    Case("plaintext with a credential", [f"{PLAIN}/orders"], 403, "plaintext_credential", "alice"),
    Case("too many calls", [f"{SECURE}/orders/[1-40]"], 429, "caller_rate_exceeded", "bob"),
]  # fmt: skip


def relative(path):
    """As a person at the repository's root would write it."""
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def write_tokens(binary):
    """Makes the development issuer's key and one header file for each credential."""
    TOKENS.mkdir(parents=True, exist_ok=True)
    TOKENS.chmod(0o700)
    for name, request in CREDENTIALS.items():
        command = [binary, "demo", "token", "--state", STATE, "--issuer", ISSUER, *request]
        token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        file = TOKENS / name
        file.touch(mode=0o600)
        file.write_text(f"authorization: Bearer {token}\n")


class Running:
    """The shop and the gateway, both stopped at the end."""

    def __init__(self, binary):
        self._binary = binary
        self._processes = []

    def __enter__(self):
        for port, what in PORTS.items():
            if accepts(port):
                fail(f"port {port} is taken; the demo needs it for {what}")
        try:
            self._start([sys.executable, SHOP / "shop.py"], [3000])
            self._start([self._binary, "serve", "--config", SHOP / "portcullis.yaml"], [8443, 8080])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, command, ports):
        log = STATE / f"{Path(command[-1]).stem}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        self._processes.append(process)
        end = time.monotonic() + 15
        while not all(accepts(port) for port in ports):
            if process.poll() is not None or time.monotonic() > end:
                fail(f"{Path(command[0]).name} does not listen on {ports}:\n{log.read_text()}")
            time.sleep(0.02)

    def died(self):
        return any(process.poll() is not None for process in self._processes)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def authority():
    """The certificate of the development authority that the gateway has minted."""
    found = STATE / "development" / "authority.pem"
    if not found.exists():
        fail(f"the gateway has written no {found}")
    return found


def show(case, trusted):
    print(f"# {case.title}: {case.expected()}")
    print(shlex.join(case.command(trusted)))
    print()


def check(case, trusted):
    command = case.command(trusted)
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    mistake = case.mistake(done.stdout)
    print(f"{'ok    ' if not mistake else 'FAILED'} {case.title}: {case.expected()}")
    if mistake:
        print(f"       {mistake}\n       {shlex.join(command)}\n{done.stdout[-2000:]}{done.stderr}")
    return not mistake


def check_record():
    """Every answer of the gateway stands in the record, and no credential does."""
    record = (STATE / "audit.jsonl").read_text()
    for line in record.splitlines():
        json.loads(line)
    secrets = [(TOKENS / name).read_text().split()[-1] for name in CREDENTIALS]
    leaked = any(secret in record for secret in secrets)
    fine = len(record.splitlines()) >= len(CASES) and not leaked
    print(f"{'ok    ' if fine else 'FAILED'} the record has an event for each, and no token")
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True, help="the portcullis binary")
    parser.add_argument("--check", action="store_true", help="run the lines, compare, and end")
    arguments = parser.parse_args()
    if not shutil.which("curl"):
        fail("curl is missing: install it")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    STATE.mkdir(exist_ok=True)
    (STATE / "audit.jsonl").unlink(missing_ok=True)
    write_tokens(arguments.binary)

    with Running(arguments.binary) as running:
        trusted = authority()
        if arguments.check:
            results = [check(case, trusted) for case in CASES]
            results.append(check_record())
            print(f"{results.count(True)} passed, {results.count(False)} failed")
            sys.exit(0 if all(results) else 2)
        print("The shop, behind Portcullis. From the repository's root, try:\n")
        for case in CASES:
            show(case, trusted)
        print(f"The record:  tail -f {relative(STATE / 'audit.jsonl')}")
        print("Bare shop:   curl http://127.0.0.1:3000/users/alice")
        print("Ctrl-C ends the demo.", flush=True)
        try:
            while not running.died():
                time.sleep(0.5)
            fail(f"a process ended by itself; its log is in {relative(STATE)}")
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
