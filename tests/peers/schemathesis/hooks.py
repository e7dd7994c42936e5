"""Writes down what schemathesis sent, how it meant it, and what came back. Loaded by schemathesis itself.

One JSON line for each case, in the file that PORTCULLIS_EXCHANGES names. Judges nothing: see check.py.
"""

import base64
import json
import os

import schemathesis

EXCHANGES = open(os.environ["PORTCULLIS_EXCHANGES"], "w", encoding="utf-8")  # noqa: SIM115 (as long as the run)


@schemathesis.hook
def after_call(context, case, response):
    sent = response.request
    body = sent.body or b""
    meta = case.meta
    line = {
        "case": case.id,
        "phase": meta.phase.name.value if meta else "none",
        "mode": meta.generation.mode.value if meta else "none",
        "scenario": str(getattr(meta.phase.data, "scenario", "") or "") if meta else "",
        "method": sent.method,
        "url": sent.url,
        "headers": [[name, text(value)] for name, value in sent.headers.items()],
        "body": base64.b64encode(body.encode() if isinstance(body, str) else body).decode(),
        "status": response.status_code,
        "content_type": (response.headers.get("content-type") or [""])[0],
        "answer": base64.b64encode(response.content or b"").decode(),
    }
    EXCHANGES.write(json.dumps(line) + "\n")
    EXCHANGES.flush()


def text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value
