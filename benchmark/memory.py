"""What idle keep-alive connections cost a server in memory."""

import socket
import ssl
import time

from .measure import resident_bytes

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def bytes_per_connection(server, port, count, tls):
    """Opens `count` connections, sends one request on each, and leaves them open: RSS growth of each."""
    context = None
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connections = []
    try:
        # What the server allocates once, on its first requests, is not the connections' doing.
        for _ in range(20):
            connections.append(_open(port, context))
        time.sleep(0.3)
        before = resident_bytes(server.pid)
        for _ in range(count):
            connections.append(_open(port, context))
        time.sleep(0.5)
        return (resident_bytes(server.pid) - before) / count
    finally:
        for connection in connections:
            connection.close()


def _open(port, context):
    connection = socket.create_connection(("127.0.0.1", port), 10)
    if context:
        connection = context.wrap_socket(connection)
    connection.sendall(REQUEST)
    answer = b""
    while b'"next":null}' not in answer:
        piece = connection.recv(4096)
        if not piece:
            raise RuntimeError(f"the server closed an idle connection: {answer!r}")
        answer += piece
    return connection
