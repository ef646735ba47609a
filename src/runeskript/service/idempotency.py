"""The same request once more: what is answered then, and that nothing is done twice.

A request with an ``Idempotency-Key`` leaves a record: the hash of what it asked for, and what was
answered. Whoever comes with the same key and the same request gets that; with another request, an
error. Where the process died in between there is no answer yet: the request is carried out again,
and the ids of all that it makes are derived from key and request, so it is made once. They stay
when the record is forgotten: the same request still makes nothing again, another one does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from ..errors import RequestError
from ..model.limits import PAYLOAD_BYTES
from ..model.values import Value
from .call import JSON, Answer, Call

REPLAYED: Final = ("idempotency-replayed", "true")
_encode = msgspec.json.Encoder().encode


async def once(call: Call, endpoint: Callable[[Call], Awaitable[Answer]]) -> Answer:
    """The answer to a request, which may have been answered before. Raises RequestError."""
    name = call.named()
    if name is None:
        return await endpoint(call)
    store, asked = call.service.store, call.fingerprint()
    found = await store.get_record("requests", name)
    if found is None:
        found = await store.put_record("requests", name, {"asked": asked}, 0)
        if found is None:  # its twin was faster
            found = await store.get_record("requests", name)
    value: Any = {} if found is None else found.value
    if value.get("asked", asked) != asked:
        raise RequestError(
            "this idempotency key came with another request before",
            status=422,
            code="RUNE-6525",
        )
    if "status" in value:
        headers = tuple((one, two) for one, two in value["headers"])
        return Answer(value["body"].encode(), value["status"], (*headers, REPLAYED))
    answer = await endpoint(call)
    body = answer.body if isinstance(answer.body, bytes) else _encode(answer.body)
    is_final = answer.status != 202 or call.route.ok[0] == 202  # else it is not known yet
    if found is not None and is_final and len(body) <= PAYLOAD_BYTES and answer.media == JSON:
        kept: Value = {"asked": asked, "status": answer.status, "body": body.decode(),
                "headers": [list(one) for one in answer.headers]}  # fmt: skip
        await store.put_record("requests", name, kept, found.version)
    return answer
