"""The studio below a prefix behind a real (small) proxy, and over TLS."""

from __future__ import annotations

import datetime as dt
import http.client
import re
import select
import socket
import ssl
import threading
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api.identity import SESSION_COOKIE
from studio.server import StudioServer

PASSWORD = "correct horse battery"
NAME = "studio.example.com"


@contextmanager
def proxy_to(port):
    """Passes connections on; adds what a proxy that ends TLS adds to the head of each request."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(client):
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            first, _, rest = head.partition(b"\r\n")
            more = b"X-Real-IP: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"
            server.sendall(first + b"\r\n" + more + rest)
            while ready := select.select([client, server], [], [], 5)[0]:
                for one in ready:
                    try:
                        data = one.recv(65536)
                        (server if one is client else client).sendall(data)
                    except OSError:  # a browser that leaves resets its connections
                        return
                    if not data:
                        return

    def accept():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def ask(port, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    given = {"Host": NAME, "Connection": "close"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, given)
    response = connection.getresponse()
    content = response.read().decode()
    connection.close()
    return response, content


@pytest.fixture
def proxied():
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        engine.service.add_user("ann", "admin", PASSWORD).result(10)
        given = {"names": [NAME], "prefix": "studio", "is_proxied": True}
        with StudioServer(engine.service, port=0, **given) as server, proxy_to(server.port) as port:
            yield engine, port


def test_everything_works_below_the_prefix(proxied):
    engine, port = proxied
    response, _ = ask(port, "GET", "/studio/executions")
    assert (response.status, response.headers["Location"]) == (302, "./log-in?next=executions")
    form = urlencode({"name": "ann", "password": PASSWORD})
    kind = {"Content_Type": "application/x-www-form-urlencoded", "Origin": f"https://{NAME}"}
    response, _ = ask(port, "POST", "/studio/log-in?next=executions", form, **kind)
    cookie = response.headers["Set-Cookie"]
    assert (response.status, response.headers["Location"]) == (303, "./executions")
    assert "Secure" in cookie, "the proxy said that the browser came over TLS"
    assert "Path=/studio/" in cookie

    session = cookie.partition(";")[0]
    response, page = ask(port, "GET", "/studio/executions", Cookie=session)
    assert response.status == 200
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        path = address.removeprefix("./")
        if path.startswith(("data:", "#")):
            continue
        path = path if path.startswith("/") else f"/studio/{path}"
        reply = ask(port, "GET", path, Cookie=session)[0]
        assert reply.status in (200, 302), (address, reply.status)
    me = ask(port, "GET", "/studio/api/access/me", Cookie=session)[1]
    assert '"name":"ann"' in me
    assert ask(port, "GET", "/studio/health")[0].status == 200
    assert ask(port, "GET", "/api/access/me", Cookie=session)[0].status == 404
    token = re.search(r'"token":"([^"]+)"', page)[1]
    assert _socket_status(port, token, session) == 101
    assert [row.address for row in engine.service.audit() if row.operation == "log_in"] == [
        "203.0.113.7"
    ]


def test_other_names_are_refused_behind_the_proxy_too(proxied):
    _, port = proxied
    assert ask(port, "GET", "/studio/log-in", Host="evil.example")[0].status == 403
    assert ask(port, "GET", "/studio/api/access/me", Host="evil.example")[0].status == 403


def _socket_status(port, token, cookie):
    lines = [
        "GET /studio/executions/ws HTTP/1.1", f"Host: {NAME}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Sec-WebSocket-Protocol: bokeh, {token}",
        f"Origin: https://{NAME}", f"Cookie: {cookie}", "", "",
    ]  # fmt: skip
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.recv(4096).split()[1])


def test_tls_serves_pages_and_marks_the_cookie_secure(tmp_path):
    certificate, key = _certificate(tmp_path)
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        engine.service.add_user("ann", "admin", PASSWORD).result(10)
        with StudioServer(engine.service, port=0, tls=(certificate, key)) as server:
            assert server.url.startswith("https://localhost:")
            trust = ssl.create_default_context(cafile=certificate)
            connection = http.client.HTTPSConnection(
                "localhost", server.port, timeout=10, context=trust
            )
            form = urlencode({"name": "ann", "password": PASSWORD})
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"https://localhost:{server.port}",
            }
            connection.request("POST", "/log-in", form, headers)
            response = connection.getresponse()
            response.read()
            cookie = response.headers["Set-Cookie"]
            assert "Secure" in cookie
            headers = {"Cookie": cookie.partition(";")[0]}
            assert headers["Cookie"].startswith(SESSION_COOKIE)
            for path in ("/api/access/me", "/executions"):
                connection.request("GET", path, headers=headers)
                response = connection.getresponse()
                response.read()
                assert response.status == 200
            connection.close()


def _certificate(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "chain.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(files[0]), str(files[1])
