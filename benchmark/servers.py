"""The servers that are compared: nginx, HAProxy and Portcullis, one worker each, on a core of their own.

Every server listens on loopback only and forwards to the same backend, an nginx that answers a few bytes
from memory on the other core. Keep-alive is unlimited on both sides and nobody writes an access log, except
Portcullis, whose audit event per decision is part of what it is.
"""

import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import keys, order

SERVER_CORE = "0"
BACKEND_CORE = "1"
BACKEND_PORT = 19000
MANY = 1_000_000_000


@dataclass
class Server:
    """A running server and where it listens."""

    name: str
    process: subprocess.Popen
    plain: int = 0
    tls: int = 0
    token: int = 0
    log: Path = field(default_factory=Path)

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start(name, command, folder, core, ports, reload_signal=None):
    """Starts `command` pinned to `core`, and waits until every port of `ports` accepts."""
    for port in ports.values():
        # With SO_REUSEPORT a second server would get half of the first one's connections, silently.
        if accepts(port):
            raise RuntimeError(f"port {port} is taken; the benchmark needs it for {name}")
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", core, *map(str, command)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(name=name, process=process, log=log, **ports)
    for port in ports.values():
        if not wait_for(port, process):
            server.stop()
            raise RuntimeError(f"{name} does not accept on port {port}:\n{log.read_text()}")
    return server


def wait_for(port, process, seconds=20):
    """Waits until something accepts on `port` of the loopback address."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if accepts(port):
            return True
        time.sleep(0.005)
    return False


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


# nginx ---------------------------------------------------------------------------------------------------

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/{name}.pid;
error_log {folder}/{name}.error.log warn;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  server_tokens off;
  keepalive_requests {many};
  keepalive_timeout 300s;
  client_body_temp_path {folder}/{name}.body;
  proxy_temp_path {folder}/{name}.proxy;
  fastcgi_temp_path {folder}/{name}.fastcgi;
  uwsgi_temp_path {folder}/{name}.uwsgi;
  scgi_temp_path {folder}/{name}.scgi;
{content}
}}
"""


def _nginx(name, folder, core, content, ports):
    configuration = folder / f"{name}.conf"
    configuration.write_text(_NGINX.format(folder=folder, name=name, many=MANY, content=content))
    command = ["nginx", "-p", folder, "-e", folder / f"{name}.error.log", "-c", configuration]
    return start(name, command, folder, core, ports)


def backend(folder):
    """What everybody forwards to."""
    content = f"""
  server {{
    listen 127.0.0.1:{BACKEND_PORT} backlog=4096;
    default_type application/json;
    location / {{ return 200 '{{"items":[1,2,3],"next":null}}'; }}
  }}"""
    return _nginx("backend", folder, BACKEND_CORE, content, {"plain": BACKEND_PORT})


def nginx(folder):
    """nginx as a plain reverse proxy: no log, no limit, no policy. The lower bound that we compare with."""
    plain, tls = 19010, 19011
    forward = """
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;"""
    content = f"""
  upstream backend {{
    server 127.0.0.1:{BACKEND_PORT};
    keepalive 256;
    keepalive_requests {MANY};
  }}
  ssl_certificate {folder}/server.crt;
  ssl_certificate_key {folder}/server.key;
  ssl_protocols TLSv1.2 TLSv1.3;
  server {{
    listen 127.0.0.1:{plain} backlog=4096;
    location / {{{forward}
    }}
  }}
  server {{
    listen 127.0.0.1:{tls} ssl http2 backlog=4096;
    http2_max_requests {MANY};
    location / {{{forward}
    }}
  }}"""
    return _nginx("nginx", folder, SERVER_CORE, content, {"plain": plain, "tls": tls})


# HAProxy -------------------------------------------------------------------------------------------------

_HAPROXY = """
global
  nbthread 1
  maxconn 8000
  stats socket {folder}/haproxy.sock mode 600
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 30s
  timeout http-keep-alive 300s
  http-reuse always
frontend plain
  bind 127.0.0.1:{plain} backlog 4096
  option forwardfor
  default_backend backend
frontend tls
  bind 127.0.0.1:{tls} ssl crt {folder}/server.pem alpn h2,http/1.1 backlog 4096
  option forwardfor
  default_backend backend
frontend token
  bind 127.0.0.1:{token} ssl crt {folder}/server.pem alpn h2,http/1.1 backlog 4096
  option forwardfor
  stick-table type string len 64 size 100k expire 1m store http_req_rate(1s)
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.typ) var(txn.token),jwt_header_query('$.typ')
  http-request set-var(txn.iss) var(txn.token),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.token),jwt_payload_query('$.aud')
  http-request set-var(txn.sub) var(txn.token),jwt_payload_query('$.sub')
  http-request set-var(txn.scope) var(txn.token),jwt_payload_query('$.scope')
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request return status 401 unless {{ var(txn.alg) -m str ES256 }}
  http-request return status 401 unless {{ var(txn.typ) -m str at+jwt }}
  http-request return status 401 unless {{ var(txn.iss) -m str {issuer} }}
  http-request return status 401 unless {{ var(txn.aud) -m str {audience} }}
  http-request return status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
  http-request return status 401 unless {{ var(txn.token),jwt_verify(txn.alg,"{folder}/issuer.pub.pem") 1 }}
  http-request return status 403 unless {{ var(txn.scope) -m reg (^|\\s){scope}(\\s|$) }}
  http-request track-sc0 var(txn.sub)
  http-request return status 429 if {{ sc_http_req_rate(0) gt 10000000 }}
  default_backend backend
backend backend
  server one 127.0.0.1:{backend} pool-max-conn -1
"""


def haproxy(folder):
    """HAProxy: a plain proxy on two ports; on the third it judges tokens as Portcullis does."""
    ports = {"plain": 19020, "tls": 19021, "token": 19022}
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        _HAPROXY.format(
            folder=folder, backend=BACKEND_PORT, issuer=keys.ISSUER, audience=keys.AUDIENCE, scope=keys.SCOPE, **ports
        )
    )
    # Master and worker, so that a reload works as it does in service.
    return start("haproxy", ["haproxy", "-W", "-db", "-f", configuration], folder, SERVER_CORE, ports)


# Portcullis ----------------------------------------------------------------------------------------------


def portcullis_binary():
    """The release build, if there is one."""
    target = Path(os.environ["CARGO_TARGET_DIR"])
    binary = target / "release" / "portcullis"
    return binary if binary.exists() else None


# What the backend answers: its type is promised, and in the second also what stands in it.
_ANSWERS = "responses: { '200': { description: Fine, content: { application/json: {} } } }"
_DESCRIBED_ANSWERS = (
    "responses: { '200': { description: Fine, content: { application/json: { schema: { type: object, properties: { "
    "items: { type: array, maxItems: 100, items: { type: integer } }, next: { type: ['null', string] } } } } } } }"
)


def write_contract(path, operations):
    """An OpenAPI document: `/`, `/described`, `/items` and `/orders` for the load, and `operations` more."""
    lines = [
        "openapi: 3.1.0",
        "info: { title: Bench, version: 1.0.0 }",
        "components:",
        "  securitySchemes:",
        "    bench:",
        "      type: oauth2",
        "      flows:",
        "        clientCredentials:",
        "          tokenUrl: https://issuer.bench.example/token",
        f"          scopes: {{ '{keys.SCOPE}': Read }}",
        "paths:",
        "  /:",
        f"    get: {{ operationId: root, x-portcullis-access: public, {_ANSWERS} }}",
        "    post:",
        "      operationId: upload",
        "      x-portcullis-access: public",
        "      requestBody: { content: { application/octet-stream: {} } }",
        f"      {_ANSWERS}",
        "  /described:",
        f"    get: {{ operationId: described, x-portcullis-access: public, {_DESCRIBED_ANSWERS} }}",
        "  /items:",
        f"    get: {{ operationId: items, security: [{{ bench: ['{keys.SCOPE}'] }}], {_ANSWERS} }}",
        "  /orders:",
        f"    post: {{ operationId: order, security: [{{ bench: ['{keys.SCOPE}'] }}], requestBody: {{ required: true, "
        f"content: {{ application/json: {{ schema: {json.dumps(order.SCHEMA)} }} }} }}, {_ANSWERS} }}",
    ]
    for number in range(operations):
        lines += [
            f"  /area-{number % 97}/thing-{number}/{{id}}:",
            "    parameters: [{ name: id, in: path, required: true, schema: { type: integer, minimum: 1, maximum: 1000000 } }]",
            f"    get: {{ operationId: op{number}, x-portcullis-access: public, {_ANSWERS} }}",
        ]
    path.write_text("\n".join(lines) + "\n")


def write_policy(folder, ports, *, token_cache=True, operations=20):
    """The policy of one Portcullis; returns the file."""
    folder.mkdir(exist_ok=True)
    write_contract(folder / "openapi.yaml", operations)
    parent = folder.parent
    lines = [
        "workers: 1",
        "listen:",
        f"  - address: 127.0.0.1:{ports['tls']}",
        f"    tls: {{ certificates: [{{ chain: {parent}/server.crt, key: {parent}/server.key }}] }}",
        f"  - address: 127.0.0.1:{ports['plain']}",
        "    protocol: plaintext",
        "    plaintext: serve # loopback only; the comparison with the others needs it",
        "apis:",
        "  bench:",
        "    contract: openapi.yaml",
        f"    upstream: http://127.0.0.1:{BACKEND_PORT}",
        "    limits:",
        f"      caller: [{PLENTY}]",
        "identity:",
        "  bench:",
        f"    issuer: {keys.ISSUER}",
        f"    audience: {keys.AUDIENCE}",
        f"    jwks: {{ file: {parent}/jwks.json }}",
        f"    token_cache: {16384 if token_cache else 0}",
        "limits:",
        f"  peer: [{PLENTY}]",
        "  peer_connections: 20000",
        # A forged token is answered again and again here; in service these limits would step in.
        f"  failures: {{ peer: {PLENTY}, credential: {PLENTY} }}",
        "timeouts: { idle: 10m }",
        f"admin: {{ address: 127.0.0.1:{ports['admin']} }}",
        f"audit: {{ file: {folder}/audit.jsonl }}",
    ]
    policy = folder / "portcullis.yaml"
    policy.write_text("\n".join(lines) + "\n")
    return policy


# Limits are counted, and never reached.
PLENTY = "{ rate: 4000000/s, burst: 4000000 }"
_next_port = iter(range(19100, 19900, 10))


def portcullis(folder, name="portcullis", **settings):
    """One Portcullis with its own policy in a folder of its own; see [`write_policy`]."""
    base = next(_next_port)
    ports = {"plain": base, "tls": base + 1, "admin": base + 2}
    policy = write_policy(folder / name, ports, **settings)
    del ports["admin"]
    command = [portcullis_binary(), "serve", "--config", policy]
    server = start(name, command, folder, SERVER_CORE, ports)
    server.token = server.tls
    return server


RELOAD_SIGNAL = {"nginx": signal.SIGHUP, "haproxy": signal.SIGUSR2, "portcullis": signal.SIGHUP}
