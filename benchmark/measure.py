"""What a server process used: CPU time and memory, read from /proc.

CPU time is the answer to "what does a request cost": it does not change when the machine is busy with
something else, which requests per second do.
"""

from pathlib import Path


def family(pid):
    """The process and all its descendants."""
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting.extend(int(child) for child in children.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return found


def cpu_seconds(pid, thread=None):
    """CPU time, user and system, of all live threads of the process and its descendants, or of those named
    `thread`.

    /proc/PID/task/TID/schedstat counts nanoseconds; utime and stime of /proc/PID/stat are the same sum in
    steps of 10 ms.
    """
    total = 0
    for member in family(pid):
        for task in Path(f"/proc/{member}/task").glob("*"):
            try:
                if thread is None or (task / "comm").read_text().strip() == thread:
                    total += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total / 1e9


def resident_bytes(pid):
    """Resident memory of the largest process of the family: the worker, where there is a master."""
    sizes = [0]
    for member in family(pid):
        try:
            for line in Path(f"/proc/{member}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    sizes.append(int(line.split()[1]) * 1024)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return max(sizes)
