#!/usr/bin/env python3
"""A small shop API with the classic flaws, on purpose. Never expose it; see README.md.

It trusts the network, its callers and its own database. Portcullis stands in front of it.
"""

import argparse
import json
import re
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOCK = threading.Lock()

PRODUCTS = [
    {"id": "p-1", "name": "Kettle", "price": 3900},
    {"id": "p-2", "name": "Teapot", "price": 2400},
    {"id": "p-3", "name": "Cup", "price": 800},
]

USERS = {
    "alice": {
        "id": "alice",
        "name": "Alice Archer",
        "email": "alice@shop.example",
        "role": "customer",
        "password": "correct horse",
        "card": "4111111111111111",
    },
    "bob": {
        "id": "bob",
        "name": "Bob Baker",
        "email": "bob@shop.example",
        "role": "customer",
        "password": "battery staple",
        "card": "5500005555555559",
    },
}

ORDERS = {
    1: {"id": 1, "customer": "alice", "items": [{"product": "p-1", "quantity": 1}], "status": "paid"},
    2: {"id": 2, "customer": "bob", "items": [{"product": "p-3", "quantity": 6}], "status": "open"},
}


class NotFound(Exception):
    pass


def list_products(_request):
    return 200, PRODUCTS


def login(request):
    # Flaw: no limit on guesses (API2, API4).
    body = request.json()
    user = USERS.get(body["user"])
    if user is None or user["password"] != body["password"]:
        return 401, {"error": "wrong user or password"}
    return 200, {"user": user["id"], "role": user["role"]}


def list_orders(request):
    wanted = request.query.get("status", [None])[0]
    with LOCK:
        orders = [order for order in ORDERS.values() if wanted in (None, order["status"])]
    return 200, orders


def create_order(request):
    body = request.json()
    with LOCK:
        # Flaw: whatever the client sends becomes part of the order (API3).
        order = {"customer": request.subject, "status": "open", **body, "id": max(ORDERS) + 1}
        ORDERS[order["id"]] = order
    return 201, order


def read_order(request, order_id):
    # Flaw: nobody asks whose order it is (API1).
    order = ORDERS.get(int(order_id))
    if order is None:
        raise NotFound
    return 200, order


def read_user(_request, user_id):
    # Flaw: the whole row goes out, password and card included (API3).
    user = USERS.get(user_id)
    if user is None:
        raise NotFound
    return 200, user


def change_user(request, user_id):
    user = USERS.get(user_id)
    if user is None:
        raise NotFound
    with LOCK:
        # Flaw: `role` can be set like any other member (API3).
        user.update(request.json())
    return 200, user


def show_configuration(_request):
    # Flaw: a route that somebody left in, and that no document mentions (API9).
    return 200, {"database": "postgres://shop:hunter2@db.internal/shop", "users": list(USERS)}


ROUTES = [
    ("GET", r"/products", list_products),
    ("POST", r"/login", login),
    ("GET", r"/orders", list_orders),
    ("POST", r"/orders", create_order),
    ("GET", r"/orders/([^/]+)", read_order),
    ("GET", r"/users/([^/]+)", read_user),
    ("PATCH", r"/users/([^/]+)", change_user),
    ("GET", r"/debug/configuration", show_configuration),
]


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024  # the head and the body in one write
    disable_nagle_algorithm = True

    def handle_any(self):
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        # Flaw: the caller is whoever the header says, so the network must be trusted (API2).
        self.subject = self.headers.get("x-auth-subject", "nobody")
        try:
            status, answer = self.route(url.path)
        except NotFound:
            status, answer = 404, {"error": f"nothing at {url.path}"}
        except Exception:  # noqa: BLE001
            # Flaw: the client gets the stack trace (API8).
            status, answer = 500, {"error": traceback.format_exc()}
        self.answer(status, answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

    def route(self, path):
        for method, pattern, operation in ROUTES:
            match = re.fullmatch(pattern, path)
            if method == self.command and match:
                return operation(self, *match.groups())
        raise NotFound

    def json(self):
        return json.loads(self.body)

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        # Flaw: tells which software answers (API8).
        self.send_header("x-powered-by", "Shop/0.9 (Python)")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        if self.server.is_verbose:
            super().log_message(*arguments)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="0 takes a free one")
    parser.add_argument("--verbose", action="store_true", help="print each request")
    arguments = parser.parse_args()

    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Shop)
    server.daemon_threads = True
    server.is_verbose = arguments.verbose
    print(f"shop: http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
