"""Processes without a start: one that has everything imported is forked for each.

A new Python with the engine's imports costs a second of processor time, a fork some milliseconds.
What is forked is a process like any other: it opens its own files, starts its own threads, and
dies by the system's SIGKILL.

Rules of this file
  1. The server imports and waits. It has one thread and no store; a fork with more is refused.
  2. Each process has a warden between the server and itself, which tells how it ended. So the
     server knows nothing of its children, and any thread may ask for one.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

_ROOT = Path(__file__).parents[3]
_PID, _EXIT = "pid ", "exit "
_LEFT_OUT = ("engine.testing", "engine.graph")
_LONGEST_ORDER = 1 << 16


class WardenLostError(Exception):
    """A process's warden is gone without having told how the process ended."""


class ForkServer:
    """The process that is forked. Use as a context manager; callable from any thread."""

    def __init__(self, program: Path) -> None:
        """Start it; it is ready when the first process says so.

        ``program`` is a file with a function ``main``, which each process calls with its orders
        and whose result is its exit status.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), program.stem],
                cwd=_ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join((str(program.parent), str(_ROOT))),
                },
                pass_fds=[theirs.fileno()],
            )
        self._socket = ours
        self._one_by_one = threading.Lock()

    def run(self, orders: dict[str, Any], log: Path, fault: str = "") -> ForkedProcess:
        """A process that carries out ``orders``.

        Args:
            orders: Arguments of the program's ``main``.
            log: Where it writes its errors.
            fault: A named point and how often it is passed before the process dies, ``name:3``.
        """
        reading, writing = os.pipe()
        try:
            letter = json.dumps({"orders": orders, "log": str(log), "fault": fault}).encode()
            assert len(letter) < _LONGEST_ORDER
            with self._one_by_one:
                socket.send_fds(self._socket, [letter], [writing])
                assert self._socket.recv(1) == b".", "the fork server has ended"
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return ForkedProcess(reading)

    def __enter__(self) -> Self:
        """The server itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it; processes that still run are not touched."""
        self._socket.close()
        self._process.wait(10)


class ForkedProcess:
    """One process; for one thread."""

    def __init__(self, reading: int) -> None:
        """Listen to a process at the other end of a pipe."""
        self._reading = reading
        self._heard = b""
        self.lines: list[str] = []
        """All that it has said."""
        self.exit_status: int | None = None
        """As of ``subprocess``: negative for a signal; None while it runs."""
        self.cpu_seconds = 0.0
        """Processor time it took, known when it has ended."""
        self._pid = int(self._line(30.0).removeprefix(_PID))

    def said(self, timeout: float) -> str:
        """The next line it says; empty when it has ended.

        Raises:
            TimeoutError: Neither came in time.
            WardenLostError: It can't be known any more.
        """
        if self.exit_status is not None:
            return ""
        line = self._line(timeout)
        if line.startswith(_EXIT):
            status, seconds = line.removeprefix(_EXIT).split()
            self.exit_status, self.cpu_seconds = int(status), float(seconds)
            os.close(self._reading)
            return ""
        self.lines.append(line)
        return line

    def wait(self, timeout: float) -> int:
        """How it ended.

        Raises:
            TimeoutError: It has not ended in time.
        """
        deadline = time.monotonic() + timeout
        while self.exit_status is None:
            self.said(deadline - time.monotonic())
        return self.exit_status

    def kill(self) -> None:
        """SIGKILL, then wait until it is gone."""
        if self.exit_status is None:
            self._kill()
            self.wait(30.0)

    def give_up(self) -> None:
        """SIGKILL to a process whose warden is gone."""
        self._kill()
        time.sleep(0.2)
        self.exit_status = -signal.SIGKILL

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(self._pid, signal.SIGKILL)

    def _line(self, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while b"\n" not in self._heard:
            if not select.select([self._reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"Nothing was heard for {timeout:.0f} seconds.")
            part = os.read(self._reading, 4096)
            if not part:
                os.close(self._reading)
                raise WardenLostError("Its warden was killed.")
            self._heard += part
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()


def serve(orders: socket.socket, name: str) -> None:
    """Import everything, then fork a warden for each order until nobody listens any more."""
    program = importlib.import_module(name)
    _import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for wardens
    gc.freeze()  # what is here already is not looked through, and copied by that, in each child
    while True:
        letter, handles, _, _ = socket.recv_fds(orders, _LONGEST_ORDER, 1)
        if not letter:
            return
        threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
        assert threads == 1, f"a process with {threads} threads must not be forked"
        if os.fork() == 0:
            orders.close()
            _guard(program, json.loads(letter), handles[0])
        os.close(handles[0])
        orders.send(b".")


def _import_all() -> None:
    """Every module of the engine: what is imported late is there already."""
    import engine

    for module in pkgutil.walk_packages(engine.__path__, "engine."):
        if not module.name.startswith(_LEFT_OUT) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("tornado.platform.asyncio")
    importlib.import_module("pydantic.type_adapter")


def _guard(program: Any, letter: dict[str, Any], said: int) -> None:
    """Run one process and tell its pid and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        _carry_out(program, letter, said)
    _, status, used = os.wait4(pid, 0)
    seconds = used.ru_utime + used.ru_stime
    os.write(said, f"{_EXIT}{os.waitstatus_to_exitcode(status)} {seconds:.3f}\n".encode())
    os._exit(0)


def _arm(fault: str) -> None:
    """Have this process die at a named point."""
    from engine.store import faults

    os.environ[faults.VARIABLE] = fault
    importlib.reload(faults)  # the engine's functions read the names of the module made anew


def _carry_out(program: Any, letter: dict[str, Any], said: int) -> None:
    status = 70
    try:
        os.write(said, f"{_PID}{os.getpid()}\n".encode())
        log = os.open(letter["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for handle, place in ((said, 1), (log, 2)):
            os.dup2(handle, place)
            os.close(handle)
        _arm(letter["fault"])
        status = program.main(**letter["orders"])
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as orders_socket:
        serve(orders_socket, sys.argv[2])
