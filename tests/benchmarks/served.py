"""The product in a process of its own, for benchmarks that must not share it with their client.

``python -m tests.benchmarks.served`` serves an engine over real files, tuned as the command does
it. It prints the root of its API; for each line of its standard input it prints what the event
loop's lag has been since the last one (milliseconds, sampled every 5 ms) and the CPU time the
process has used, as one line of JSON; it ends with its standard input.
"""

from __future__ import annotations

import json
import sys
import time

from .stage import Stage


def main() -> None:
    """Serve until standard input is closed."""
    with Stage() as stage:
        sys.stdout.write(f"{stage.url}/api\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            told = {"late_ms": stage.lag.take(), "cpu_seconds": time.process_time()}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
