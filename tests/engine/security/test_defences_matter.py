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
SIGN_ON = "tests/studio/test_sign_on.py"
PAGES = "tests/ui/test_access.py"
DOOR = "tests/engine/http_api"

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
    "log-in on every route": (
        "import engine.http_api.handler as m; m.Door._service = "
        "lambda self, route, call: self.identity._local",
        f"{SECURITY}/test_every_route.py::test_nothing_nearly_right_opens_any_route",
    ),
    "roles on every route": (
        "import engine.http_api.handler as m, engine.service.access as a; "
        "m.route_needs = lambda route: a.VIEWER",
        f"{SECURITY}/test_every_route.py::"
        "test_every_role_is_kept_from_every_route_that_needs_another",
    ),
    "origins on every route": (
        "import engine.http_api.guard as m; m.Guard.check_origin = lambda self, *a: None",
        f"{SECURITY}/test_every_route.py::"
        "test_no_page_of_another_site_changes_anything_with_an_admins_cookie",
    ),
    "ended sessions": (
        "import engine.service.acting as m; real = m.current; "
        "m.current = lambda known, caller: real(known, m.replace(caller, session_id=''))",
        f"{SECURITY}/test_door_login.py::test_logged_out_session_stays_out",
    ),
    "scope of links to the board": (
        "import engine.service.shared as m; "
        "m._Shared.__getattr__ = lambda self, name: getattr(self._service, name)",
        f"{SECURITY}/test_share_links.py::"
        "test_link_to_the_board_shows_its_figures_and_nothing_else",
    ),
    "pages of links": (
        "import studio.gate as m; m.SHARED_BOARD = 'shared'; "
        "m.SharedExecution = lambda service, caller: service",
        f"{GATE}::test_link_opens_its_own_page_and_no_other",
    ),
    "length of bodies": (
        "import engine.http_api.server as m; m.limit_bodies = lambda server: None",
        f"{DOOR}/test_body_limit.py -k absurd",
    ),
    "patience with bodies": (
        "import engine.http_api.body_limit as m, engine.http_api.fast_lane as lane; "
        "m._LimitedBody._check = lambda self: None; "
        "lane._Connection._wait_for_body = lambda self: None",
        f"{DOOR}/test_body_limit.py -k stops",
    ),
    "time of SQL": (
        "import engine.store.bounds as m; m.QuestionBounds._run_out = lambda self: None",
        f"{DOOR}/test_sql_bounds.py::test_question_that_takes_too_long_is_stopped",
    ),
    "rows of SQL": (
        "import engine.store.bounds as m; m.QuestionBounds.check_rows = lambda self, n: None",
        f"{DOOR}/test_sql_bounds.py::test_too_many_rows_are_refused_without_fetching_them",
    ),
    "modes of files": (
        "import engine.store.private_files as m; m._HAS_MODES = False",
        "tests/engine/store/test_private_files.py",
    ),
    "state of a sign-on": (
        "import studio.sign_on as m; m.States.end = lambda self, cookie, state: "
        "m.read('sign-on', cookie, self._key) or self.begin('')[0]",
        f"{SIGN_ON} -k forged",
    ),
    "signatures of ID tokens": (
        "import studio.identity_tokens as m; m._check_signature = lambda *a: None",
        f"{SIGN_ON} -k signature",
    ),
    "claims of ID tokens": (
        "import studio.identity_tokens as m, studio.sign_on_provider as p\n"
        "def loose(token, keys, *a):\n"
        "    header, claims, signed, signature = m._parts(token)\n"
        "    m._check_signature(header, keys, signed, signature)\n"
        "    return claims\n"
        "p.checked_claims = loose",
        f"{SIGN_ON} -k nonce",
    ),
    "users with passwords": (
        "import engine.runtime.accounts as m; real = m.Accounts.sign_on\n"
        "def loose(self, name, *a):\n"
        "    self.users = {**self.users, name: {'signOn': {'subject': '', 'byGroups': True}, "
        "**self.users[name]}} if name in self.users else self.users\n"
        "    return real(self, name, *a)\n"
        "m.Accounts.sign_on = loose",
        f"{SIGN_ON}::test_user_with_a_password_is_never_taken_over",
    ),
    "number of tabs": (
        "import studio.gate as m; m.Gate.check_room = lambda self, sessions: None",
        f"{GATE}::test_tabs_beyond_the_limit_are_told_to_wait",
    ),
    "content policy of pages": (
        "import studio.web_handlers as m; del m.HEADERS['Content-Security-Policy']",
        f"{PAGES}::test_pages_talk_to_no_other_server_and_stand_in_no_frame",
    ),
    "text that is never HTML": (
        "import studio.browser_files as m\n"
        "real = m.browser_files\n"
        "@m.cache\n"
        "def loose():\n"
        "    html = (b'((...all) => all.forEach((one) => typeof one === \"string\" ? '\n"
        "        b'node.insertAdjacentHTML(\"beforeend\", one) : node.append(one)))(')\n"
        "    ui = real()['ui.js']\n"
        "    assert b'node.append(' in ui.content\n"
        "    changed = ui._replace(content=ui.content.replace(b'node.append(', html))\n"
        "    return {**real(), 'ui.js': changed}\n"
        "m.browser_files = loose",
        f"{PAGES}::test_hostile_texts_are_shown_and_never_run",
    ),
}


@pytest.mark.parametrize("defence", DEFENCES)
def test_attack_succeeds_without_its_defence(defence: str, tmp_path: Path) -> None:
    patch, tests = DEFENCES[defence]
    (tmp_path / "without_defence.py").write_text(patch)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "without_defence"]
    done = subprocess.run(
        [*command, "-rs", "-p", "no:cacheprovider", *tests.split(" ", 3)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    if "no Chromium found" in done.stdout:
        pytest.skip("no Chromium found")
    # 1: tests ran, and some failed. Anything else is a mistake of this test.
    assert done.returncode == 1, f"{defence}: {done.returncode}\n{done.stdout[-3000:]}"
    assert "failed" in done.stdout.splitlines()[-1], done.stdout[-2000:]
