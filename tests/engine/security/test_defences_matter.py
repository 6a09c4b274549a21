"""Each attack test fails once its defence is taken out: shown by taking each one out.

A child pytest runs the attack tests of one defence with that defence patched away; if they still
pass, they prove nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
SECURITY = "tests/engine/security"
GATE = "tests/studio/test_gate.py"

DEFENCES = {
    "roles of operations": (
        "import engine.service.acting as m; m.check = lambda *a: None",
        f"{SECURITY}/test_operation_roles.py::test_matrix_of_role_and_operation",
    ),
    "an author for definitions sent along": (
        "import engine.service.access as m; m._has_definition = lambda request: False",
        f"{SECURITY}/test_operation_roles.py::"
        "test_operator_may_not_start_a_definition_of_their_own",
    ),
    "roles of routes and log-in": (
        "import engine.http_api.handler as m; m.Door._service = "
        "lambda self, route, call: self.identity._local",
        f"{SECURITY}/test_door_login.py::test_once_somebody_is_configured_nothing_but_probes_is_open",
    ),
    "revocation": (
        "import engine.service.acting as m; m.ActingService._present = lambda self: self._caller",
        f"{SECURITY}/test_door_login.py::test_revoked_key_ends_its_tokens_at_once",
    ),
    "signatures": (
        "import engine.runtime.signatures as m; m.hmac.compare_digest = lambda a, b: True",
        f"{SECURITY}/test_door_login.py::test_token_of_another_kind_or_server_is_no_token",
    ),
    "host names": (
        "import engine.http_api.guard as m; m.Guard.check_host = lambda self, host: None",
        f"{GATE}::test_rebound_host_names_get_no_page_and_no_socket",
    ),
    "host names of the API": (
        "import engine.http_api.guard as m; m.Guard.check_host = lambda self, host: None",
        "tests/engine/http_api/test_conventions.py -k host_name",
    ),
    "origins of the API": (
        "import engine.http_api.guard as m; m.Guard.check_origin = lambda self, *a: None",
        f"{SECURITY}/test_cross_site.py",
    ),
    "origins of sockets": (
        "import studio.gate as m; m.is_same_origin = lambda origin, host: True",
        f"{GATE}::test_sockets_of_other_origins_and_without_one_are_refused",
    ),
    "tokens of sockets": (
        "import studio.gate as m; m._is_token = lambda token, application: True",
        f"{GATE}::test_garbage_tokens_are_refused_without_a_word_in_the_log",
    ),
    "owners of sessions": (
        "import studio.gate as m; m.Gate.may_join = lambda self, *a: True",
        f"{GATE}::test_nobody_joins_the_session_of_somebody_else",
    ),
    "addresses after the log-in": (
        "import re, studio.log_in as m; m._OWN_ADDRESS = re.compile(r'(?s).*')",
        f"{GATE}::test_address_after_the_log_in_stays_on_this_server",
    ),
    "throttled log-in": (
        "import engine.runtime.throttle as m; m.LoginThrottle.check = lambda self, *keys: None",
        f"{SECURITY}/test_log_in.py::test_sixth_wrong_try_from_one_place_has_to_wait",
    ),
    "requests per second": (
        "import engine.runtime.throttle as m; m.RateLimit.take = lambda self, key: None",
        f"{SECURITY}/test_door_login.py::test_requests_beyond_the_share_are_429_with_retry_after",
    ),
    "exposed hosts": (
        "import engine.http_api.server as m; m.check_exposure = lambda *a: None",
        f"{SECURITY}/test_door_login.py::test_door_that_others_reach_needs_somebody_configured",
    ),
    "scope of links": (
        "import engine.service.shared as m; m.SharedExecution._check = lambda self, key: None",
        f"{SECURITY}/test_share_links.py::"
        "test_link_shows_the_execution_with_its_children_and_no_other",
    ),
    "masks over secrets": (
        "import engine.runtime.polling as m; m.hidden = lambda value, known: value",
        f"{SECURITY}/test_secrets.py::test_planted_secret_is_in_no_file_and_no_answer",
    ),
    "names sealed with secrets": (
        "from cryptography.hazmat.primitives.ciphers import aead as m\n"
        "class Loose:\n"
        "    def __init__(self, key): self.inner = Real(key)\n"
        "    def encrypt(self, n, d, a): return self.inner.encrypt(n, d, None)\n"
        "    def decrypt(self, n, d, a): return self.inner.decrypt(n, d, None)\n"
        "Real, m.AESGCM = m.AESGCM, Loose",
        f"{SECURITY}/test_secrets.py::"
        "test_sealed_text_of_one_secret_cannot_be_put_in_anothers_place",
    ),
    "addresses of HTTP tasks": (
        "import engine.workers.address_guard as m; "
        "m.AddressGuard.refusal = lambda self, host, port: ''",
        f"{SECURITY}/test_addresses.py",
    ),
    "wrapped addresses": (
        "import engine.workers.address_guard as m; m._meant = lambda address: address",
        f"{SECURITY}/test_addresses.py::test_metadata_and_link_local_addresses_are_never_reached",
    ),
    "audit rows": (
        "import engine.service.auditing as m; m.Note._file = lambda self, *a: None",
        f"{SECURITY}/test_audit.py::test_operators_acts_name_the_execution",
    ),
    "safe headers": (
        "import engine.http_api.handler as m, engine.http_api.fast_lane as lane; "
        "m.SAFE_HEADERS = (); lane._SAFE_HEADERS = ''",
        f"{SECURITY}/test_door_login.py::test_answers_carry_safe_headers_on_both_ways_in",
    ),
}


@pytest.mark.parametrize("defence", DEFENCES)
def test_attack_succeeds_without_its_defence(defence: str, tmp_path: Path) -> None:
    patch, tests = DEFENCES[defence]
    (tmp_path / "without_defence.py").write_text(patch)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "without_defence"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *tests.split(" ", 3)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    # 1: tests ran, and some failed. Anything else is a mistake of this test.
    assert done.returncode == 1, f"{defence}: {done.returncode}\n{done.stdout[-3000:]}"
    assert "failed" in done.stdout.splitlines()[-1], done.stdout[-2000:]
