#!/usr/bin/env python3
"""What observability/ ships is held against a real Prometheus that scrapes a real gateway.

First promtool checks the alert rules and plays their tests. Then the example shop runs behind the gateway, some
calls pass and some are refused, Prometheus scrapes the admin listener, and every expression of the dashboard and of
the rules is asked of it:

  1. every series that is named is documented in docs/reference/metrics.md;
  2. every expression can be evaluated;
  3. every panel shows something, save those listed in SILENT, which need what does not happen here.

Ends with 0, with 2 if an assertion does not hold, and with 1 if it could not run. Called by scripts/observability.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "observability"
SHOP = ROOT / "examples" / "shop"
sys.path.insert(0, str(SHOP))
from gateway import Running, fail, free_port, gateway, start_upstream  # noqa: E402
from shop import Shop  # noqa: E402

# Nothing of this happens here, by the name of the panel.
SILENT = {"Would refuse", "Findings in answers", "Failures, by reason", "Share of failures", "Renewals"}

CONFIGURATION = """
listen:
  - address: 127.0.0.1:{port}
    plaintext: serve
  - address: 127.0.0.1:{tls}
apis:
  shop:
    contract: {contract}
    plaintext: serve
    upstream: http://127.0.0.1:{upstream}
    limits: {{ caller: [{{ rate: 1000/m }}] }}
identity:
  customers:
    issuer: https://issuer.shop.example
    audience: shop-api
    jwks: {{ file: .portcullis/jwks.json }}
admin:
  address: 127.0.0.1:{admin}
  token: ${{file:admin-token}}
audit:
  file: audit.jsonl
"""
PROMETHEUS = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [{rules}]
scrape_configs:
  - job_name: portcullis
    authorization: {{ credentials_file: {token} }}
    static_configs: [{{ targets: ["127.0.0.1:{admin}"] }}]
"""


def panels():
    """Title and expression of everything that the dashboard shows."""
    dashboard = json.loads((SHIPPED / "grafana.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def asked(expression):
    """As Grafana would send it, with everything selected."""
    for variable, value in (("$instance", ".*"), ("$api", ".*"), ("$__rate_interval", "1m")):
        expression = expression.replace(variable, value)
    return expression


class Prometheus:
    def __init__(self, port):
        self._base = f"http://127.0.0.1:{port}/api/v1"

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self._base}/{path}?{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            return {"error": json.load(error).get("error", str(error))}

    def value(self, expression):
        return self.get("query", query=expression)

    def wait_for(self, expression, seconds=30):
        end = time.monotonic() + seconds
        while not self.value(expression).get("result"):
            if time.monotonic() > end:
                fail(f"Prometheus never saw `{expression}`: {self.get('targets')}")
            time.sleep(0.1)


def call(port, path, token=None, method="GET"):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    if token:
        request.add_header("authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def check_rules():
    for command in (["check", "rules", "portcullis.rules.yml"], ["test", "rules", "portcullis.test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=SHIPPED, capture_output=True, text=True, check=False)
        if done.returncode:
            return [f"promtool {' '.join(command)}:\n{done.stdout}{done.stderr}"]
    return []


def undocumented(expressions):
    documented = set(re.findall(r"`(portcullis_\w+)`", (ROOT / "docs/reference/metrics.md").read_text()))
    for expression in expressions:
        for name in set(re.findall(r"portcullis_\w+", expression)):
            if name.removesuffix("_bucket") not in documented:
                yield f"`{name}` is in no list of metrics"


def watch(binary, folder):
    """What does not hold of dashboard and rules, once Prometheus has scraped a gateway that was called."""
    port, tls, admin, server = (free_port() for _ in range(4))
    secret = folder / "admin-token"
    secret.touch(mode=0o600)
    secret.write_text("observability-check-0123456789abcdef")
    state = folder / ".portcullis"
    command = [binary, "demo", "token", "--state", state, "--issuer", "https://issuer.shop.example"]
    command += ["--subject", "alice", "--audience", "shop-api", "--scope", "orders:read"]
    token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    configuration = CONFIGURATION.format(
        port=port, tls=tls, admin=admin, upstream=start_upstream(Shop), contract=SHOP / "openapi.yaml"
    )
    (folder / "prometheus.yml").write_text(
        PROMETHEUS.format(
            rules=SHIPPED / "portcullis.rules.yml", token=secret, admin=admin
        )
    )
    scraper = ["prometheus", f"--config.file={folder / 'prometheus.yml'}"]
    scraper += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{server}"]
    with gateway(binary, folder, configuration, port), Running(scraper, server, folder / "prometheus.log"):
        prometheus = Prometheus(server)
        # A rate needs two scrapes that differ.
        prometheus.wait_for('up{job="portcullis"} == 1')
        call(admin, "/reload", secret.read_text(), method="POST")
        for _ in range(3):
            answers = [call(port, "/orders", token), call(port, "/orders"), call(port, "/nowhere", token)]
            if answers != [200, 401, 404]:
                return [f"the calls were answered with {answers}"]
        prometheus.wait_for('changes(portcullis_policy_loads_total{result="loaded"}[1m]) > 0')
        prometheus.wait_for('sum(portcullis_denials_total{stage="identify"}) == 3')
        prometheus.wait_for('count_over_time(portcullis_denials_total{stage="identify"}[1m]) >= 2')
        return list(unanswered(prometheus))


def unanswered(prometheus):
    shown = {}
    for title, expression in panels():
        answer = prometheus.value(asked(expression))
        if "error" in answer:
            yield f"the panel `{title}` cannot be asked: {answer['error']}"
        shown[title] = shown.get(title, False) or bool(answer.get("result"))
    for title, is_shown in shown.items():
        if not is_shown and title not in SILENT:
            yield f"the panel `{title}` shows nothing"
    for unknown in SILENT - set(shown):
        yield f"`{unknown}` is no panel"
    for group in prometheus.get("rules")["groups"]:
        for rule in group["rules"]:
            if rule["health"] != "ok":
                yield f"the alert `{rule['name']}` is {rule['health']}: {rule.get('lastError')}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True)
    arguments = parser.parse_args()
    rules = (SHIPPED / "portcullis.rules.yml").read_text()
    expressions = [expression for _, expression in panels()]
    found = check_rules() + sorted(set(undocumented([*expressions, rules])))
    with tempfile.TemporaryDirectory() as folder:
        found += watch(arguments.binary, Path(folder))
    for line in found:
        print(f"FAILED {line}")
    print(f"{len(expressions)} expressions of the dashboard, {rules.count('alert:')} alerts, {len(found)} faults")
    sys.exit(2 if found else 0)


if __name__ == "__main__":
    main()
