"""Says whether a request keeps an OpenAPI document, without asking Portcullis.

In: the document and a request as it went over the wire. Out: what is wrong with it. Written against the
OpenAPI specification and Python's `jsonschema`, which shares no code with what the gateway uses. What it
cannot judge (a style that it does not read, a text that could be two types) it says, and decides nothing.
"""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

import jsonschema
import yaml

INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
IGNORED_HEADERS = {"accept", "content-type", "authorization"}


@dataclass
class Verdict:
    """What was found out about one request."""

    violations: list = field(default_factory=list)
    unjudged: list = field(default_factory=list)

    @property
    def is_valid(self):
        return not self.violations and not self.unjudged


class NoJson(ValueError):
    """Not one JSON document that every parser reads alike."""


class Document:
    """An OpenAPI 3.0 or 3.1 document."""

    def __init__(self, path):
        text = path.read_text(encoding="utf-8")
        self.root = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        self.is_30 = str(self.root["openapi"]).startswith("3.0")
        self.operations = []
        for template, item in self.root.get("paths", {}).items():
            item = self.resolve(item)
            pattern = "/".join(
                "".join("(.+)" if gap else re.escape(text) for text, gap in pieces(part))
                for part in template.split("/")
            )
            names = re.findall(r"\{([^}]*)\}", template)
            for method in METHODS:
                if method in item:
                    entry = (method.upper(), re.compile(pattern), names, item, self.resolve(item[method]))
                    self.operations.append((len(names), entry))
        # A path without gaps wins over one with them (OpenAPI 3.1.1 §4.8.8).
        self.operations = [entry for _, entry in sorted(self.operations, key=lambda one: one[0])]

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            found = self.root
            for token in node["$ref"].removeprefix("#/").split("/"):
                found = found[token.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def judge(self, method, target, headers, body):
        """`headers` are pairs of text; `target` and `body` are as they went over the wire."""
        verdict = Verdict()
        path, _, query = target.partition("?")
        found = self.find(method, path)
        if found is None:
            verdict.violations.append("no such operation")
            return verdict
        gaps, item, operation = found
        declared = {}
        for owner in (item, operation):
            for parameter in map(self.resolve, owner.get("parameters", [])):
                declared[(parameter["in"], parameter["name"])] = parameter
        pairs = self.pairs(query, verdict)
        fields = {name.lower(): value for name, value in headers}
        for (place, name), parameter in declared.items():
            if place == "path":
                values = [gaps[name]] if name in gaps else []
            elif place == "query":
                values = [value for known, value in pairs if known == name]
            elif place == "header" and name.lower() not in IGNORED_HEADERS:
                values = [fields[name.lower()]] if name.lower() in fields else []
            else:
                continue
            self.judge_parameter(place, parameter, values, verdict)
        self.judge_undeclared(declared, pairs, verdict)
        self.judge_body(operation, fields, body, verdict)
        return verdict

    def find(self, method, path):
        for known, pattern, names, item, operation in self.operations:
            match = pattern.fullmatch(path)
            if known == method and match and all("/" not in group for group in match.groups()):
                return dict(zip(names, match.groups())), item, operation
        return None

    def pairs(self, query, verdict):
        found = []
        for piece in filter(None, query.split("&")):
            name, _, value = piece.partition("=")
            try:
                found.append((decode(name.replace("+", " ")), value.replace("+", " ")))
            except ValueError:
                verdict.violations.append("the name of a query parameter is not UTF-8")
        return found

    def judge_undeclared(self, declared, pairs, verdict):
        spread = [
            parameter
            for (place, _), parameter in declared.items()
            if place == "query" and self.kinds(parameter.get("schema", {})) & {"object", "?"}
        ]
        known = {name for place, name in declared if place == "query"}
        for name, _ in pairs:
            if name in known:
                continue
            if spread:
                verdict.unjudged.append(f"query {name}: may be part of an object")
            else:
                verdict.violations.append(f"query {name}: not declared")

    def judge_parameter(self, place, parameter, values, verdict):
        name = f"{place} {parameter['name']}"
        if "schema" not in parameter:
            if values:
                verdict.unjudged.append(f"{name}: has no schema")
            return
        schema = self.resolve(parameter["schema"])
        kinds = self.kinds(schema)
        if not values:
            if parameter.get("required") and "object" not in kinds:
                verdict.violations.append(f"{name}: missing")
            return
        if values == [""] and parameter.get("allowEmptyValue"):
            return
        if kinds == {"array"}:
            style = parameter.get("style", "form" if place == "query" else "simple")
            exploded = parameter.get("explode", style == "form")
            if style not in ("form", "simple"):
                verdict.unjudged.append(f"{name}: style {style}")
                return
            if not (place == "query" and exploded):
                if len(values) > 1:
                    verdict.violations.append(f"{name}: given twice")
                    return
                values = values[0].split(",") if values[0] else []
            items = self.resolve(schema.get("items", {}))
            texts, kinds = values, self.kinds(items)
        elif len(values) > 1:
            verdict.violations.append(f"{name}: given twice")
            return
        else:
            texts = values
        if len(kinds - {"null"}) != 1 or kinds & {"object", "array", "?"}:
            verdict.unjudged.append(f"{name}: could be {sorted(kinds)}")
            return
        (kind,) = kinds - {"null"}
        try:
            read = [typed(text if place == "header" else decode(text), kind) for text in texts]
        except ValueError:
            verdict.violations.append(f"{name}: not UTF-8")
            return
        value = read if self.kinds(schema) == {"array"} else read[0]
        self.validate(parameter["schema"], value, name, verdict)

    def kinds(self, schema):
        """The types that a schema allows; `?` if it does not say so itself."""
        schema = self.resolve(schema)
        if isinstance(schema, dict) and "type" in schema:
            kinds = schema["type"]
            return set(kinds) if isinstance(kinds, list) else {kinds}
        return {"?"}

    def judge_body(self, operation, fields, body, verdict):
        if "requestBody" not in operation:
            if body:
                verdict.violations.append("body: none is declared")
            return
        declared = self.resolve(operation["requestBody"])
        if not body:
            if declared.get("required"):
                verdict.violations.append("body: missing")
            return
        kind, _, parameters = fields.get("content-type", "").partition(";")
        kind = kind.strip().lower()
        content = {name.partition(";")[0].strip().lower(): one for name, one in declared["content"].items()}
        candidates = [kind, kind.partition("/")[0] + "/*", "*/*"]
        chosen = next((content[one] for one in candidates if one in content), None)
        if chosen is None:
            verdict.violations.append(f"body: media type `{kind}` is not declared")
            return
        charset = re.search(r'charset\s*=\s*"?([^";\s]+)', parameters, re.IGNORECASE)
        if charset and charset.group(1).lower() not in ("utf-8", "us-ascii"):
            verdict.violations.append("body: not UTF-8")
            return
        if kind != "application/json" and not kind.endswith("+json"):
            verdict.unjudged.append(f"body: {kind} is not read here")
            return
        try:
            value = read_json(body)
        except ValueError:
            verdict.violations.append("body: no JSON document")
            return
        if "schema" in chosen:
            self.validate(chosen["schema"], value, "body", verdict)

    def validate(self, schema, value, name, verdict):
        whole = {"$ref": "#/wanted", "wanted": schema, "components": self.root.get("components", {})}
        if self.is_30:
            whole = modern(whole)
        try:
            validator = jsonschema.Draft202012Validator(
                whole, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
            )
            for error in validator.iter_errors(value):
                verdict.violations.append(f"{name}: {error.json_path} {error.validator}")
        except (re.error, RecursionError, OverflowError) as error:
            verdict.unjudged.append(f"{name}: {type(error).__name__}")


def pieces(part):
    """The texts and gaps of a part of a path template."""
    return [
        (piece, piece.startswith("{")) for piece in re.split(r"(\{[^}]*\})", part) if piece
    ]


def decode(text):
    return unquote_to_bytes(text).decode("utf-8")


def typed(text, kind):
    """The value behind the text of a parameter; text that is no such value stays text, for the schema to refuse."""
    if kind == "integer" and INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and NUMBER.fullmatch(text):
        return json.loads(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def read_json(body):
    def members(pairs):
        if len({name for name, _ in pairs}) != len(pairs):
            raise NoJson("a member stands twice (RFC 7493 §2.3)")
        return dict(pairs)

    def constant(name):
        raise NoJson(f"{name} is no JSON (RFC 8259 §6)")

    value = json.loads(body.decode("utf-8"), object_pairs_hook=members, parse_constant=constant)
    # Lone surrogates pass Python's parser and are no Unicode text (RFC 7493 §2.1).
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def modern(node):
    """OpenAPI 3.0's own words in those of JSON Schema 2020-12."""
    if isinstance(node, list):
        return [modern(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {name: modern(one) for name, one in node.items()}
    if node.get("nullable") is True and isinstance(node.get("type"), str):
        node["type"] = [node["type"], "null"]
    for side, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(node.get(side), bool):
            if node.pop(side) and bound in node:
                node[side] = node.pop(bound)
    return node
