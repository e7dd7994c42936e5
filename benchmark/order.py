"""An order of 1 KiB with twelve fields, and the schema that it keeps."""

import json


def _text(most, **more):
    return {"type": "string", "maxLength": most, **more}


SCHEMA = {
    "type": "object",
    "required": ["id", "customer", "email", "placed", "currency", "total", "paid", "items"],
    "properties": {
        "id": _text(36, format="uuid"),
        "customer": _text(64, minLength=1),
        "email": _text(120, format="email"),
        "placed": _text(30, format="date-time"),
        "currency": {"enum": ["EUR", "USD", "GBP"]},
        "total": {"type": "integer", "minimum": 0, "maximum": 10_000_000},
        "paid": {"type": "boolean"},
        "discount": {"type": "number", "minimum": 0, "maximum": 1},
        "coupon": _text(20, pattern="^[A-Z0-9-]+$"),
        "note": _text(600),
        "country": _text(2, pattern="^[A-Z]{2}$"),
        "items": {
            "type": "array",
            "maxItems": 50,
            "items": {
                "type": "object",
                "required": ["sku", "quantity"],
                "properties": {
                    "sku": _text(20, pattern="^[A-Z0-9-]+$"),
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 999},
                },
            },
        },
    },
}

_ORDER = {
    "id": "7b0d1f3e-58a6-4d0c-9c3e-0a1b2c3d4e5f",
    "customer": "Ada Lovelace",
    "email": "ada@example.com",
    "placed": "2026-11-24T10:15:30Z",
    "currency": "EUR",
    "total": 129900,
    "paid": False,
    "discount": 0.15,
    "coupon": "WINTER-2026",
    "note": "",
    "country": "DE",
    "items": [{"sku": f"SKU-{number:04}", "quantity": number + 1} for number in range(8)],
}


def of_bytes(size):
    """The order as JSON of exactly `size` bytes; its note takes up the slack."""
    bare = len(json.dumps(_ORDER, separators=(",", ":")))
    return json.dumps({**_ORDER, "note": "x" * (size - bare)}, separators=(",", ":"))
