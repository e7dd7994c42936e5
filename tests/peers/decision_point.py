#!/usr/bin/env python3
"""A small decision point, a process of its own: what OPA and AuthZEN services look like to the gateway.

It has one rule: a clerk may do anything that is not about more than 100 of something. The rule is the same in both
shapes. Other addresses misbehave in one way each. `GET /seen` lists what was asked so far, and on how many
connections. Prints `decision point: URL` when it is ready. Called by the gateway's tests.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = 100

seen = []
connections = set()
lock = threading.Lock()
released = threading.Event()


def permits(question):
    roles = question["subject"]["properties"].get("roles", [])
    amounts = question.get("context", {}).get("body", {}).get("/amount", [])
    if "clerk" not in roles:
        return False, "only clerks"
    if any(float(amount) > LARGEST for amount in amounts):
        return False, "too much for a clerk"
    return True, None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, headers=()):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            self.answer({"questions": seen, "connections": len(connections)})

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            connections.add(self.client_address)
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.append({"path": self.path, "headers": headers, "body": json.loads(text)})
        match self.path:
            case "/access/v1/evaluation":
                decision, reason = permits(json.loads(text))
                context = {} if decision else {"context": {"reason_admin": {"en": reason}}}
                self.answer({"decision": decision} | context)
            case "/v1/data/shop/allow":
                self.answer({"result": permits(json.loads(text)["input"])[0]})
            case "/v1/data/shop":
                allow, reason = permits(json.loads(text)["input"])
                self.answer({"result": {"allow": allow, "reason": reason}})
            case "/v1/data/undefined":
                self.answer({})
            case "/once":
                self.answer({"decision": True})
                self.close_connection = True
            case "/slow":
                released.wait(30)
                self.close_connection = True
            case "/garbage":
                self.answer(b'{"decision": true, "decision": false}')
            case "/failing":
                self.answer({"decision": True}, status=500)
            case "/huge":
                self.answer({"decision": True, "context": {"filling": "x" * 1_000_000}})
            case "/elsewhere":
                self.answer({"decision": True}, status=302, headers=[("Location", "/access/v1/evaluation")])
            case "/closing":
                self.close_connection = True
            case _:
                self.answer({}, status=404)


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"decision point: http://127.0.0.1:{server.server_port}", flush=True)
    # Whoever started it holds the other end.
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    released.set()


if __name__ == "__main__":
    main()
