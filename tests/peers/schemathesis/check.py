#!/usr/bin/env python3
"""schemathesis drives an API through Portcullis, and an independent judge looks at both sides of it.

Starts the example shop with a recorder in it, the gateway in front of it, and schemathesis in front of that,
with a fixed seed. Then asserts, over every case that was sent:

  1. no request that violates the document reached the upstream, and what reached it is what was sent;
  2. no request that schemathesis made to be valid, and that the judge finds valid, was refused for its content;
  3. the gateway never failed, and each of its refusals is a problem document (RFC 9457).

--document FILE takes any other OpenAPI document, in front of an upstream that says yes to everything. Ends
with 0, with 2 if an assertion does not hold, and with 1 if it could not run. Called by scripts/schemathesis.
"""

import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

from judge import METHODS, Document

ROOT = Path(__file__).resolve().parents[3]
SHOP = ROOT / "examples" / "shop"
sys.path[:0] = [str(SHOP), str(ROOT / "tests" / "peers")]
from gateway import fail, free_port, gateway, start_upstream  # noqa: E402
from shop import Shop  # noqa: E402

SEED = 20261124
CASE = "x-schemathesis-testcaseid"
ISSUER = "https://issuer.shop.example"
# Refusals of what a request contains. 401, 403, 404, 405 and 429 say something else.
OF_CONTENT = {400, 406, 413, 414, 415, 422, 431}
# The path can be read in two ways, or not at all: refused whatever the document says (GW-02, HTTP-15).
OF_PATH = {"path_ambiguous", "target_malformed"}
SHOWN = 10

CONFIGURATION = """
listen:
  - address: 127.0.0.1:{port}
apis:
  api:
    contract: {contract}
    hosts: ["*"]
    upstream: http://127.0.0.1:{upstream}
{settings}
{identity}
audit:
  file: audit.jsonl
"""
IDENTITY = f"""
identity:
  customers:
    issuer: {ISSUER}
    audience: shop-api
    jwks: {{ file: .portcullis/jwks.json }}
"""
# As JSON Schema reads it, so that the judge and the gateway read the same document.
AS_DECLARED = "    schemas: { objects: as_declared, read_only: accepted, unbounded: accepted }"
SHADOW = "    stages: { validate: shadow }"


class Recorder:
    """What reached the upstream, by case."""

    def __init__(self):
        self.reached = {}
        self.twice = []

    def record(self, request, body):
        case = request.headers.get(CASE)
        if case in self.reached:
            self.twice.append(case)
        self.reached[case] = {
            "method": request.command,
            "target": request.path,
            "headers": request.headers.items(),
            "body": body,
            "status": None,
        }

    def answered(self, request, status):
        self.reached[request.headers.get(CASE)]["status"] = status


def recording_shop(recorder):
    class RecordingShop(Shop):
        def route(self, path):
            recorder.record(self, self.body)
            return super().route(path)

        def answer(self, status, value):
            recorder.answered(self, status)
            super().answer(status, value)

    return RecordingShop


def recording_stub(recorder):
    class Stub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            recorder.record(self, body)
            recorder.answered(self, 204)
            self.send_response(204)
            self.end_headers()

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = handle_any

        def log_message(self, *arguments):
            pass

    return Stub


def token(binary, folder):
    command = [binary, "demo", "token", "--state", folder / ".portcullis", "--issuer", ISSUER]
    command += ["--subject", "alice", "--audience", "shop-api"]
    command += ["--scope", "orders:read orders:write users:read users:write"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def opened(document, folder):
    """A copy of the document in which anybody may call: who calls is not what is looked at here."""
    root = Document(document).root
    root.pop("security", None)
    for item in root.get("paths", {}).values():
        for method in METHODS:
            if method in item:
                item[method].pop("security", None)
                item[method]["x-portcullis-access"] = "public"
    copy = folder / "document.json"
    copy.write_text(json.dumps(root, default=str))
    return copy


def without(document, keyword, folder):
    """A copy of the document that lacks a keyword: what the gateway would do without the check."""

    def strip(node, is_names=False):
        if isinstance(node, list):
            return [strip(one) for one in node]
        if not isinstance(node, dict):
            return node
        kept = ((name, one) for name, one in node.items() if is_names or name != keyword)
        return {name: strip(one, name == "properties" and not is_names) for name, one in kept}

    copy = folder / "stripped.json"
    copy.write_text(json.dumps(strip(Document(document).root), default=str))
    return copy


def drive(arguments, document, folder, port, headers):
    """Runs schemathesis; the exchanges that it wrote down."""
    exchanges = folder / "exchanges.jsonl"
    command = [Path(sys.executable).with_name("schemathesis"), "run", document]
    command += ["--url", f"https://127.0.0.1:{port}", "--tls-verify", str(authority(folder))]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--mode", "all"]
    command += ["--max-examples", str(arguments.examples), "--seed", str(SEED), "--workers", "1"]
    # What the gateway and the shop answer is judged here, not by schemathesis.
    command += ["--checks", "not_a_server_error", "--continue-on-failure", "--no-shrink"]
    command += ["--generation-database", "none", "--generation-with-security-parameters", "false"]
    command += ["--suppress-health-check", "all", "--request-timeout", "10", "--warnings", "off", "--no-color"]
    for header in headers:
        command += ["--header", header]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(Path(__file__).parent),
        "PORTCULLIS_EXCHANGES": str(exchanges),
        "PYTHONHASHSEED": "0",
    }
    log = folder / "schemathesis.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [str(part) for part in command], env=environment, cwd=folder,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False,
        )  # fmt: skip
    if done.returncode not in (0, 1) or not exchanges.exists():
        fail(f"schemathesis could not run:\n{log.read_text()[-4000:]}")
    return [json.loads(line) for line in exchanges.read_text().splitlines()]


def authority(folder):
    return folder / ".portcullis" / "development" / "authority.pem"


class Findings:
    """What does not hold, by assertion."""

    def __init__(self):
        self.by_assertion = {}

    def add(self, assertion, exchange, why):
        self.by_assertion.setdefault(assertion, []).append((exchange, why))

    def show(self):
        for assertion, found in self.by_assertion.items():
            print(f"FAILED {assertion}: {len(found)} times")
            for exchange, why in found[:SHOWN]:
                body = base64.b64decode(exchange["body"])[:300]
                answer = base64.b64decode(exchange["answer"])[:500]
                print(f"  {exchange['method']} {urlsplit(exchange['url'])._replace(scheme='', netloc='').geturl()}")
                print(f"    sent: {exchange['mode']} {exchange['phase']} {exchange['scenario']} {body!r}")
                print(f"    answered: {exchange['status']} {answer!r}")
                print(f"    why: {why}")


def judge(document, exchanges, recorder):
    """Applies the assertions; counts and findings."""
    counts, refused_as, findings = Counter(), Counter(), Findings()
    for exchange in exchanges:
        counts["cases"] += 1
        counts[f"made {exchange['mode']}"] += 1
        arrived = recorder.reached.get(exchange["case"])
        body = base64.b64decode(exchange["body"])
        url = urlsplit(exchange["url"])
        target = url.path + (f"?{url.query}" if url.query else "")
        sent = document.judge(exchange["method"], target, exchange["headers"], body)
        if arrived:
            counts["reached the upstream"] += 1
            judge_arrived(document, exchange, arrived, (target, body), findings)
        if sent.is_valid:
            counts["judged valid"] += 1
        elif sent.violations:
            counts["judged a violation"] += 1
        else:
            counts["not judged"] += 1
        code = judge_answer(exchange, arrived, findings)
        if arrived is None:
            counts["refused by the gateway"] += 1
            refused_as[f"{exchange['status']} {code}"] += 1
        is_refused = arrived is None and exchange["status"] in OF_CONTENT
        if is_refused and sent.is_valid and exchange["mode"] == "positive" and code in OF_PATH:
            counts["valid, and refused for a path that can be read in two ways"] += 1
        elif is_refused and sent.is_valid and exchange["mode"] == "positive":
            findings.add("no valid request is refused", exchange, "the judge finds nothing wrong")
        elif is_refused and sent.is_valid:
            counts["made invalid, judged valid, and refused"] += 1
            print(f"note: {code} for what the judge finds valid: {exchange['scenario']} {exchange['url']} {body[:200]!r}")
    counts["sent to the upstream twice"] += len(recorder.twice)
    return counts, refused_as, findings


def judge_arrived(document, exchange, arrived, sent, findings):
    verdict = document.judge(arrived["method"], arrived["target"], arrived["headers"], arrived["body"])
    if verdict.violations:
        findings.add("no violation reaches the upstream", exchange, verdict.violations[:5])
    if (arrived["target"], arrived["body"]) != sent:
        findings.add("what was judged is what is sent", exchange, f"arrived: {arrived['target']} {arrived['body']!r}")


def judge_answer(exchange, arrived, findings):
    """Asserts what holds of every answer; the code of a refusal."""
    answer = base64.b64decode(exchange["answer"])
    status = exchange["status"]
    # The shop's own failures are not ours; that they stay inside is tested elsewhere (ERR-03).
    is_ours = arrived is None or (status >= 500 and (arrived["status"] or 0) < 500)
    if status >= 500 and is_ours:
        findings.add("the gateway does not fail", exchange, f"the upstream said {arrived and arrived['status']}")
    if arrived is not None or exchange["method"] == "HEAD":
        return ""
    try:
        problem = json.loads(answer)
        is_problem = (
            exchange["content_type"] == "application/problem+json"
            and problem["status"] == status
            and {"type", "title", "code"} <= problem.keys()
            and re.fullmatch("[a-z_]+", problem["code"])
        )
    except (ValueError, KeyError, TypeError):
        is_problem, problem = False, {}
    if not is_problem:
        findings.add("a refusal is a problem document", exchange, exchange["content_type"])
    return problem.get("code", "?")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, type=Path, help="the portcullis binary")
    parser.add_argument("--examples", type=int, default=200, help="generated cases for each operation and phase")
    parser.add_argument("--least", type=int, default=2000, help="how many cases there must be")
    parser.add_argument("--document", type=Path, help="another document, before an upstream that says yes")
    parser.add_argument("--shadow", action="store_true", help="let the gateway only watch: this must end with 2")
    parser.add_argument("--without", metavar="KEYWORD", help="let the gateway not know this keyword: the same")
    arguments = parser.parse_args()
    recorder = Recorder()
    with tempfile.TemporaryDirectory(prefix="portcullis-schemathesis-") as name:
        folder = Path(name)
        if arguments.document:
            source = opened(arguments.document.resolve(), folder)
            headers, identity, settings, handler = [], "", [AS_DECLARED], recording_stub(recorder)
        else:
            source = SHOP / "openapi.yaml"
            headers = [f"Authorization: Bearer {token(arguments.binary, folder)}"]
            identity, settings, handler = IDENTITY, [], recording_shop(recorder)
        if arguments.shadow:
            settings.append(SHADOW)
        enforced = without(source, arguments.without, folder) if arguments.without else source
        port = free_port()
        configuration = CONFIGURATION.format(
            port=port, contract=enforced, upstream=start_upstream(handler), identity=identity,
            settings="\n".join(settings),
        )  # fmt: skip
        began = time.monotonic()
        with gateway(arguments.binary, folder, configuration, port):
            exchanges = drive(arguments, source, folder, port, headers)
        counts, refused_as, findings = judge(Document(source), exchanges, recorder)
    print(f"{source.name}: {time.monotonic() - began:.0f} s, seed {SEED}")
    for what, count in counts.items():
        print(f"{count:7} {what}")
    for code, count in refused_as.most_common():
        print(f"{count:7} refused as {code}")
    findings.show()
    if counts["cases"] < arguments.least:
        print(f"FAILED there were {counts['cases']} cases, and {arguments.least} are wanted")
    is_vacuous = min(counts["judged valid"], counts["judged a violation"], counts["reached the upstream"]) == 0
    if is_vacuous:
        print("FAILED nothing was shown: valid requests, violations and arrivals are all needed")
    is_good = not findings.by_assertion and counts["cases"] >= arguments.least and not is_vacuous
    print("all held" if is_good else "not all held")
    sys.exit(0 if is_good else 2)


if __name__ == "__main__":
    main()
