"""The load generators. Each runs for a bounded time on the client's core and says how many requests were
answered, and how."""

import re
import subprocess
from dataclasses import dataclass

CLIENT_CORE = "1"
CONNECTIONS = 32


@dataclass
class Answered:
    requests: int
    refused: int = 0  # answers other than 2xx and 3xx
    broken: int = 0  # no answer

    def check(self, expect_refused=False):
        assert self.requests > 0, "no request was answered"
        assert self.broken == 0, f"{self.broken} requests had no answer"
        expected = self.requests if expect_refused else 0
        # The generators count an answer that arrives in their last moment in one sum and not the other.
        assert abs(self.refused - expected) <= CONNECTIONS, f"{self.refused} of {self.requests} were refused"


def _run(*command, seconds):
    pinned = ["taskset", "-c", CLIENT_CORE, *map(str, command)]
    done = subprocess.run(pinned, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr or done.stdout}")
    return done.stdout


def _number(pattern, text, default=None):
    match = re.search(pattern, text)
    if match is None and default is None:
        raise RuntimeError(f"cannot read this: {text}")
    return int(match.group(1)) if match else default


def wrk(url, seconds, script=None):
    """HTTP/1.1 on kept connections."""
    arguments = ["-t", 1, "-c", CONNECTIONS, "-d", f"{seconds}s", "--timeout", "10s"]
    if script:
        arguments += ["-s", script]
    text = _run("wrk", *arguments, url, seconds=seconds)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return Answered(
        requests=_number(r"(\d+) requests in", text),
        refused=_number(r"Non-2xx or 3xx responses: (\d+)", text, 0),
        broken=sum(map(int, errors.groups())) if errors else 0,
    )


def h2load(url, seconds):
    """HTTP/2: eight connections with eight streams each."""
    arguments = ["-t", 1, "-c", 8, "-m", 8, "-D", seconds]
    text = _run("h2load", *arguments, url, seconds=seconds)
    assert "Application protocol: h2" in text, "HTTP/2 was not negotiated"
    counts = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if counts is None:
        raise RuntimeError(f"cannot read this: {text}")
    good, other, client, server = map(int, counts.groups())
    return Answered(requests=good + other + client + server, refused=client + server)


def handshakes(port, seconds):
    """Full TLS 1.3 handshakes, one after the other, without resumption."""
    arguments = ["-connect", f"127.0.0.1:{port}", "-new", "-time", seconds, "-tls1_3"]
    text = _run("openssl", "s_time", *arguments, seconds=seconds)
    return Answered(requests=_number(r"(\d+) connections in \d+ real seconds", text))


def write_token_script(path, tokens, order=None):
    """A script for wrk that shows one token after the other; with an `order`, each posts it."""
    lines = "\n".join(f'  "{token}",' for token in tokens)
    method = "POST" if order else "GET"
    content = ', ["Content-Type"] = "application/json"' if order else ""
    path.write_text(
        f"""local tokens = {{
{lines}
}}
local body = {f"[==[{order}]==]" if order else "nil"}
local requests, position = {{}}, 0
function init()
  for index, token in ipairs(tokens) do
    requests[index] = wrk.format("{method}", nil, {{ ["Authorization"] = "Bearer " .. token{content} }}, body)
  end
end
function request()
  position = position % #requests + 1
  return requests[position]
end
"""
    )
    return path


def write_post_script(path, size):
    """A script for wrk that posts `size` bytes."""
    path.write_text(
        f"""local request_text
function init()
  local headers = {{ ["Content-Type"] = "application/octet-stream" }}
  request_text = wrk.format("POST", nil, headers, string.rep("x", {size}))
end
function request()
  return request_text
end
"""
    )
    return path
