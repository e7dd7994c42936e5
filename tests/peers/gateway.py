"""Portcullis and an upstream for it, started and stopped by the checks beside this file."""

import socket
import subprocess
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def start_upstream(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.is_verbose = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Running:
    """A server that is ready when it accepts connections, stopped at the end."""

    def __init__(self, command, port, log):
        self.port = port
        self._name, self._log = Path(command[0]).name, log
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def __enter__(self):
        end = time.monotonic() + 30
        while not accepts(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                text = self._log.read_text()
                self.__exit__()
                fail(f"{self._name} does not listen:\n{text}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def gateway(binary, folder, configuration, port):
    """Portcullis with this configuration, which has a listener on the port."""
    (folder / "portcullis.yaml").write_text(configuration)
    command = [binary, "serve", "--config", folder / "portcullis.yaml"]
    return Running(command, port, folder / "gateway.log")
