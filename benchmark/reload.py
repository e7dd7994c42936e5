"""Reloads under load: how many requests are lost, and how many connections are closed."""

import selectors
import socket
import threading
import time
from dataclasses import dataclass

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
END = b'"next":null}'


@dataclass
class Losses:
    answered: int = 0
    failed: int = 0  # requests that were sent and never answered, or answered with an error
    closed: int = 0  # connections that the server closed


class KeepAliveLoad:
    """Some connections that ask again as soon as they are answered, in a thread of their own."""

    def __init__(self, port, connections=32):
        self.losses = Losses()
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._running = True
        for _ in range(connections):
            self._connect()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._running = False
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        return self.losses

    def _connect(self):
        connection = socket.create_connection(("127.0.0.1", self._port), 5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_READ, bytearray())
        connection.sendall(REQUEST)

    def _run(self):
        while self._running:
            for key, _ in self._selector.select(0.1):
                self._read(key.fileobj, key.data)

    def _read(self, connection, buffer):
        try:
            piece = connection.recv(16384)
        except OSError:
            piece = b""
        buffer += piece
        if END in buffer:
            self.losses.answered += 1
            if not buffer.startswith(b"HTTP/1.1 200"):
                self.losses.failed += 1
            says_close = b"connection: close" in bytes(buffer).lower()
            buffer.clear()
            if says_close:
                self.losses.closed += 1
                self._replace(connection)
            else:
                self._ask_again(connection)
        elif not piece:
            # The request was on its way when the server closed: a client may not repeat it blindly.
            self.losses.failed += 1
            self.losses.closed += 1
            self._replace(connection)

    def _ask_again(self, connection):
        try:
            connection.sendall(REQUEST)
        except OSError:
            self.losses.failed += 1
            self.losses.closed += 1
            self._replace(connection)

    def _replace(self, connection):
        self._selector.unregister(connection)
        connection.close()
        self._connect()


def under_load(server, port, reload_signal, times, pause, change=None):
    """Reloads `times` times under load. `change(number)` alters the policy before each reload, and returns
    a function that says whether the new policy is in force; the longest wait for it comes back too."""
    load = KeepAliveLoad(port)
    slowest = 0.0
    try:
        time.sleep(pause)
        for number in range(times):
            in_force = change(number) if change else None
            began = time.monotonic()
            server.signal(reload_signal)
            if in_force:
                while not in_force() and time.monotonic() - began < 10:
                    time.sleep(0.002)
                slowest = max(slowest, time.monotonic() - began)
            time.sleep(pause)
    finally:
        losses = load.stop()
    return losses, slowest
