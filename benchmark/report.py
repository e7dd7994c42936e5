"""The table: on standard output, and as Markdown between the markers of docs/performance.md."""

import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


@dataclass
class Row:
    """One measured thing. `measured` is compared with `target`; without a target it is told only."""

    what: str
    values: dict  # server name → text
    measured: float | None = None
    target: float | None = None
    unit: str = "×"  # of `measured` and `target`
    against: str = ""

    def verdict(self):
        if self.measured is None or self.target is None:
            return ""
        return "met" if self.measured <= self.target else "MISSED"

    def ratio_text(self):
        if self.measured is None:
            return ""
        text = f"{self.measured:.2f} {self.unit}" if self.unit == "×" else f"{self.measured:.1f} {self.unit}"
        # What is compared with has a column of its own, or its value is told here.
        value = "" if self.against in ("", "portcullis", *PEERS) else f" ({self.values[self.against]})"
        return f"{text} {self.against}{value}".strip()

    def target_text(self):
        return "" if self.target is None else f"≤ {self.target:g} {self.unit}"


PEERS = ("nginx", "haproxy")
COLUMNS = ["scenario", "Portcullis", "nginx", "HAProxy", "measured", "target", ""]


def _cells(row):
    servers = [row.values.get(name, "") for name in ("portcullis", *PEERS)]
    return [row.what, *servers, row.ratio_text(), row.target_text(), row.verdict()]


def text_table(rows):
    table = [COLUMNS] + [_cells(row) for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table
    )


def markdown_table(rows):
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- " * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines)


def _version(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return "not installed"
    return (done.stdout or done.stderr).strip().splitlines()[0]


def setting():
    """One line on where and with what this was measured."""
    processor = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return (
        f"{processor}, Linux {platform.release()}; {_version('nginx', '-v')}; {_version('haproxy', '-v')}; "
        f"{_version('rustc', '--version')}"
    )


def write(path, rows, note):
    """Replaces what stands between the markers."""
    text = path.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n\n{note}\n\n{markdown_table(rows)}\n\n{END}{after}")
