"""Who listens on a port, as far as this machine tells."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from pathlib import Path

from engine.errors import InvalidRequestError


def check_port(host: str, port: int) -> None:
    """Raise when the port can't be opened; the message names its owner and a way on.

    Raises:
        InvalidRequestError: Taken, not allowed, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InvalidRequestError(_words(host, port, error)) from None


def _words(host: str, port: int, error: OSError) -> str:
    other = f"choose another one: --port {port + 1 if port < 65535 else 8081}"
    if error.errno == errno.EADDRINUSE:
        if server := _server(host, port):
            name = "localhost" if host.startswith("127.") else host
            return (
                f"Port {port} is taken by a {server} that is already running at "
                f"http://{name}:{port}; open that, or {other}."
            )
        owner = _owner(port)
        return f"Port {port} is taken by {owner or 'another program'}; stop it or {other}."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be opened by this user; {other}."
    return f"Can't listen on {host}:{port}: {error.strerror or error}; see --host and --port."


def _server(host: str, port: int) -> str:
    """``Conductor Studio`` or ``Conductor server``; empty: something else, or it is silent."""
    if b'"healthy"' not in _asked(host, port, "/health")[1]:
        return ""
    # A route of ours that no Conductor has; a studio with users asks for a log-in first.
    is_studio = _asked(host, port, "/api/capabilities")[0] in (200, 401, 403)
    return "Conductor Studio" if is_studio else "Conductor server"


def _asked(host: str, port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(2000)
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def _owner(port: int) -> str:
    """``process 4711 (python)`` from Linux's /proc; empty elsewhere or for other users'."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        try:
            if any(os.readlink(link) in inodes for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return f"process {process.name} ({name})"
        except OSError:
            continue
    return ""
