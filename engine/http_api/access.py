"""``/api/token`` and ``/api/access``: who is asking, and who may.

The key exchange is what SDKs do with their key and secret. While nobody is configured it answers
404 as a real server does, and SDKs go on without.
"""

from __future__ import annotations

from typing import Any, Final

from ..errors import InvalidRequestError
from ..service.accounts import LINK_SECONDS
from .answers import EMPTY, Answer, json_answer, status_answer
from .call import Call
from .routing import Route

_MOST_SECONDS: Final = 10 * 365 * 86400


async def token(call: Call) -> Answer:
    """Exchange ``keyId`` and ``keySecret`` for a token; 404 while nobody is configured."""
    if not call.service.needs_login():
        return status_answer(404, "No static resource api/token.")
    body = await call.body_object()
    key_id, secret = _text(body, "keyId"), _text(body, "keySecret")
    return json_answer({"token": call.service.exchange_key(key_id, secret, call.address)})


async def user_info(call: Call) -> Answer:
    """Who is asking, in the shape SDKs know; 404 while nobody is configured."""
    caller = call.service.caller
    if not caller.is_known:
        return status_answer(404, "No static resource api/token/userInfo.")
    return json_answer(
        {"id": caller.name, "name": caller.name, "roles": [{"name": str(caller.role)}]}
    )


async def me(call: Call) -> Answer:
    """Who is asking, how that is known, and in which role."""
    caller = call.service.caller
    return json_answer({"name": caller.name, "kind": str(caller.kind), "role": str(caller.role)})


async def users(call: Call) -> Answer:
    """People who may log in, without their hashes."""
    return json_answer(call.service.users())


async def add_user(call: Call) -> Answer:
    """Add a person: ``name``, ``role``, and a ``password`` or ``signOn``."""
    body = await call.body_of("name", "role", "password", "signOn")
    if body.get("signOn") is True:
        name, role = _text(body, "name"), _text(body, "role")
        await call.wait(call.service.add_signing_on_user(name, role))
        return EMPTY
    given = [_text(body, key) for key in ("name", "role", "password")]
    await call.checked(call.service.add_user, *given)
    return EMPTY


async def change_user(call: Call, name: str) -> Answer:
    """Give a person another ``role`` or ``password``, or both."""
    body = await call.body_of("role", "password")
    if "role" not in body and "password" not in body:
        raise InvalidRequestError("Say which role or password they are to have.")
    if "role" in body:
        await call.wait(call.service.change_user_role(name, _text(body, "role")))
    if "password" in body:
        await call.checked(call.service.change_password, name, _text(body, "password"))
    return EMPTY


async def remove_user(call: Call, name: str) -> Answer:
    """Take a person out; their sessions end."""
    await call.wait(call.service.remove_user(name))
    return EMPTY


async def keys(call: Call) -> Answer:
    """API keys without their secrets."""
    return json_answer(call.service.api_keys())


async def create_key(call: Call) -> Answer:
    """Make a key: ``name``, ``role``, ``seconds`` (0: until revoked). The secret is told once."""
    body = await call.body_of("name", "role", "seconds")
    name, role, seconds = _text(body, "name"), _text(body, "role"), _seconds(body, 0)
    return json_answer(await call.wait(call.service.create_api_key(name, role, seconds)))


async def revoke_key(call: Call, key_id: str) -> Answer:
    """Take a key out."""
    await call.wait(call.service.revoke_api_key(key_id))
    return EMPTY


async def links(call: Call) -> Answer:
    """Share links without their tokens, of one execution with ``workflowId``."""
    return json_answer(call.service.share_links(call.text("workflowId")))


async def share(call: Call) -> Answer:
    """Make a read-only link to an execution (``workflowId``) or to the board (``board``: true).

    ``seconds``: how long it holds, a week if absent. Answers its ``scope``, ``expireTime`` and
    ``url``; without the studio's pages beside the API there is no address, and the token opens it
    in a studio.
    """
    body = await call.body_of("workflowId", "board", "seconds")
    seconds = _seconds(body, LINK_SECONDS)
    # The board shows every execution, so it is never what is left over when nothing was named.
    board = body.get("board", False)
    if not isinstance(board, bool):
        raise InvalidRequestError("board must be true or false.")
    if board == (body.get("workflowId") is not None):
        raise InvalidRequestError(
            "Say what the link shows: either one execution, as workflowId, or the board with all "
            "executions, as board: true."
        )
    if board:
        made = await call.wait(call.service.share_board(seconds))
    else:
        workflow_id = _text(body, "workflowId")
        made = await call.wait(call.service.share_execution(workflow_id, seconds))
    if call.has_pages:
        made = {**made, "url": f"{call.origin()}/open-link#{made['token']}"}
    return json_answer(made)


async def revoke_link(call: Call, link_id: str) -> Answer:
    """Take a link out."""
    await call.wait(call.service.revoke_share_link(link_id))
    return EMPTY


async def audit(call: Call) -> Answer:
    """What people changed, newest first: ``before``, ``limit``, ``actor``, ``operation``,
    ``object`` (its beginning), ``since`` and ``until`` (epoch ms)."""
    rows = await call.query(
        call.service.audit,
        call.number("before", 0),
        call.number("limit", 100),
        call.text("actor") or "",
        call.text("operation") or "",
        call.text("object") or "",
        call.number("since", 0),
        call.number("until", 0),
    )
    return json_answer(rows)


async def no_token_to_read(call: Call) -> Answer:
    """A token is not there to be read: 404 for any method but POST, as where there is no log-in."""
    return status_answer(404, "No static resource api/token.")


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidRequestError(f"{key} must be a text.")
    return value


def _seconds(body: dict[str, Any], default: int) -> int:
    value = body.get("seconds", default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_SECONDS:
        raise InvalidRequestError(f"seconds must be a whole number up to {_MOST_SECONDS}.")
    return value


_BASE: Final = "/api/access"

ROUTES: Final = (
    Route("POST", "/api/token", token),
    Route("GET", "/api/token", no_token_to_read),
    Route("GET", "/api/token/userInfo", user_info),
    Route("GET", f"{_BASE}/me", me),
    Route("GET", f"{_BASE}/users", users),
    Route("POST", f"{_BASE}/users", add_user),
    Route("PUT", f"{_BASE}/users/{{name}}", change_user),
    Route("DELETE", f"{_BASE}/users/{{name}}", remove_user),
    Route("GET", f"{_BASE}/keys", keys),
    Route("POST", f"{_BASE}/keys", create_key),
    Route("DELETE", f"{_BASE}/keys/{{keyId}}", revoke_key),
    Route("GET", f"{_BASE}/links", links),
    Route("POST", f"{_BASE}/links", share),
    Route("DELETE", f"{_BASE}/links/{{linkId}}", revoke_link),
    Route("GET", f"{_BASE}/audit", audit),
)
