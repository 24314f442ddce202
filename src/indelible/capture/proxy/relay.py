"""One exchange through the proxy: what is awaited in which order.

A request's body is held until its record is written, since what was sent cannot be
refused. An answer flows; its end waits for the record: the last bytes of a JSON body,
and the part of a stream that completes the event with a reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp.web import RequestPayloadError
from aiohttp.web_request import BaseRequest

from indelible.capture.actor import Verified
from indelible.capture.exchange import headers_of
from indelible.capture.http_calls import End, HttpCall, rejected
from indelible.capture.policy import error_reply, refusal
from indelible.capture.proxy.bodies import Body, Decoder, Unreadable
from indelible.capture.proxy.client import Framing, Reply, framing_of, scope_of
from indelible.capture.proxy.dialogue import Dialogue, Recording
from indelible.capture.proxy.fields import values
from indelible.capture.proxy.request import Full, Incoming, Settings, TooLong
from indelible.capture.proxy.sse import Event, Events
from indelible.capture.proxy.upload import Stopped, Upload
from indelible.capture.proxy.upstream import Answer, Failed, Upstream
from indelible.capture.wire import Noise
from indelible.model.canonical import Json
from indelible.model.event import ErrorType, Outcome

HELD_BYTES = 1 << 20
"""Of a JSON answer: a shorter one leaves in one piece, so that one broken off is an error."""

_GONE: End = (Outcome.ERROR, ErrorType.CANCELLED, "the client closed the connection")
_STOPPED: End = (Outcome.UNKNOWN, ErrorType.ABANDONED, "the proxy was stopped before the reply")
_NO_REPLY: End = (Outcome.UNKNOWN, ErrorType.ABANDONED, "the answer ended without a reply")
_UNREAD: End = (
    Outcome.UNKNOWN,
    ErrorType.ABANDONED,
    "the answer's content coding cannot be undone here",
)


class Exchange:
    """One request and its answer.

    Args:
        request: What the client sent.

        recording: Where it is recorded.

        upstream: Whom it is for.

        settings: How it is treated.

        is_stopping: Says whether the proxy is being stopped.
    """

    def __init__(
        self,
        request: BaseRequest,
        recording: Recording,
        upstream: Upstream,
        settings: Settings,
        *,
        verified: Verified | None,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._request = request
        self._trail = recording
        self._upstream = upstream
        self._is_stopping = is_stopping
        self.reply = Reply(request, closes=is_stopping())
        scope = scope_of(request)
        self._asked = Incoming(request, headers_of(scope), settings)
        self._call = HttpCall(recording.seam, scope, verified)
        self._dialogue = Dialogue(recording, scope, request.raw_path, verified)
        self._why: End | None = None
        self._leaves_open = False
        self._body = Body()
        self._upload: Upload | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for a reply of it; a stream that only listens has none."""
        return self._call.status is None or bool(self._dialogue.open_ids)

    async def run(self) -> Reply:
        """Pass it through."""
        error: BaseException | None = None
        try:
            await self._pass()
        except asyncio.CancelledError as gone:
            error = gone
            self._why = _STOPPED if self._is_stopping() else _GONE
            raise
        except ConnectionError as gone:  # the client's: the server's are `Failed`
            error = gone
            self._why = _GONE
            self.reply.abort()
        except Full:
            await self._turn_away(503, "too much is held of other requests")
        except TooLong:
            await self._turn_away(413, "the request's body is longer than is allowed")
        except TimeoutError:
            await self._turn_away(408, "the request's body did not come")
        except RequestPayloadError:
            await self._turn_away(400, "the request's body is not framed as HTTP has it")
        finally:
            self._over(error)
        return self.reply

    async def _pass(self) -> None:
        if self._call.opens() and not self._call.begin():
            await self._refuse([None])
            return
        try:
            answer = await self._ask()
        except Failed as failed:
            await self._fail(failed)
        except Stopped:
            await self._refuse([None])
        else:
            if answer is not None:
                await self._answer_or_drop(answer)

    async def _ask(self) -> Answer | None:
        """Return the server's answer; None if the client has one of ours.

        The body is not held any longer than this.
        """
        await self._asked.invite()
        with self._asked:
            body = await self._read()
            if self._upload is not None:
                return await self._send_long(self._upload, body)
            if self._request.method != "POST" or await self._may_pass(body):
                return await self._send(body)
        return None

    async def _answer_or_drop(self, answer: Answer) -> None:
        is_done = False
        try:
            await self._answer(answer)
            is_done = True
        except Failed as failed:
            await self._fail(failed)
        finally:
            if is_done and self._upload is None:
                answer.done()
            else:
                answer.drop()

    async def _read(self) -> bytes:
        """Return the request's body; its beginning, if it is too long to be held."""
        parts: list[bytes] = []
        coming = self._asked.parts()
        body = self._body
        async for part in coming:
            parts.append(self._asked.held(part))
            if self._request.method != "POST":
                continue
            body.feed(part)
            self._call.came(part)
            if body.outline is not None:
                is_chunked = self._asked.is_chunked
                self._upload = Upload(self._dialogue, body, coming, is_chunked=is_chunked)
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _send_long(self, upload: Upload, begun: bytes) -> Answer:
        """Send a body that is too long to be held."""
        self.reply.force_close()
        if not upload.may_begin():
            raise Stopped
        return await upload.send(self._upstream, self._head(), begun, self.reply.interim)

    async def _may_pass(self, data: bytes) -> bool:
        """Put on record what the client says; return whether it may be passed on."""
        try:
            readings = self._asked.messages(self._body, data)
        except Unreadable:  # whatever it asks for, something is on record of it
            if not self._call.begin():
                await self._refuse([None])
                return False
            return True
        if not readings:
            return True
        refused = self._dialogue.asked(readings)
        if not refused:
            return True
        ids = self._dialogue.open_ids
        self._dialogue.deny(refused, refusal(self._trail.recorder.trouble))
        await self._refuse(ids)
        return False

    async def _refuse(self, ids: list[Json]) -> None:
        await self.reply.say(503, _errors(ids, refusal(self._trail.recorder.trouble)))
        self._call.status = 503

    async def _turn_away(self, status: int, why: str) -> None:
        self._call.status = status
        self._why = rejected(status)
        self._dialogue.end(self._why)
        self.reply.force_close()
        await self.reply.say(status, _errors([None], f"indelible: {why}"))

    async def _send(self, body: bytes) -> Answer:
        if self._asked.is_chunked:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        is_head = self._request.method == "HEAD"
        interim = self.reply.interim
        return await self._upstream.send(self._head(), body, is_head=is_head, interim=interim)

    def _head(self) -> bytes:
        return self._asked.head(self._dialogue.request_id or self._begun_id())

    def _begun_id(self) -> str | None:
        begun = self._call.begun
        found = self._trail.caller.correlation(begun) if begun is not None else None
        return found.request_id if found is not None else None

    async def _answer(self, answer: Answer) -> None:
        self._call.status = answer.status
        self._body = Body()  # an answer may be a stream of hours
        if self._dialogue.asks:
            self._call.forget_body()
        if answer.status < 300:
            session = values(answer.lines, b"mcp-session-id")
            self._dialogue.accepted(session[0].decode("latin-1") if len(session) == 1 else None)
        kind = (values(answer.lines, b"content-type") or [b""])[0].partition(b";")[0]
        kind = kind.strip().lower()
        method = self._request.method
        framing = framing_of(method, answer.status, answer.lines, is_chunked=answer.is_chunked)
        self.reply.begin(answer.status, answer.reason, answer.lines, framing)
        self._why = rejected(answer.status) if answer.status >= 400 else _NO_REPLY
        if framing is Framing.NONE:
            self._settle(answer)
            await self.reply.finish()
        elif kind == b"text/event-stream":
            await self._stream(answer)
        elif self._dialogue.asks and (kind == b"application/json" or kind.endswith(b"+json")):
            await self._json(answer)
        else:
            await self._bytes(answer)

    async def _stream(self, answer: Answer) -> None:
        """Pass on server-sent events as they come, each after what it completes is on record."""
        if not answer.has_begun:
            await self.reply.flush()
        events, coding = Events(), self._coding(answer)
        last = b""
        while data := await answer.read():
            if plain := self._plain(coding, data):
                for event in events.feed(plain):
                    self._told(event)
            self._call.sent_bytes += len(data)
            if answer.is_over:
                last = data  # it leaves with the end
                break
            await self.reply.write(data)
        for event in events.end():
            self._told(event)
        self._settle(answer)
        await self.reply.finish(last)

    def _coding(self, answer: Answer) -> Decoder | None:
        """Return what undoes the answer's content coding; None where nothing does."""
        names = b",".join(values(answer.lines, b"content-encoding"))
        try:
            return Decoder(names.decode("latin-1"))
        except Unreadable:
            self._why = _UNREAD
            return None

    def _plain(self, coding: Decoder | None, data: bytes) -> bytes:
        """Return a part of the answer for the record; nothing of what cannot be read."""
        if coding is None or self._why is _UNREAD:
            return b""
        try:
            return coding.feed(data)
        except Unreadable:
            self._why = _UNREAD
            return b""

    def _told(self, event: Event) -> None:
        self._leaves_open = self._leaves_open or event.id is not None
        if event.body is None:
            return
        if event.name == "endpoint":
            readings = event.body.readings()
            text = readings[0].data if readings and isinstance(readings[0], Noise) else b""
            self._dialogue.endpoint(text.decode("utf-8", "replace"))
        else:
            self._dialogue.told(event.body.readings(), event.id)

    async def _json(self, answer: Answer) -> None:
        """Pass on a JSON body, its last part after the record."""
        body, coding = Body(), self._coding(answer)
        held: list[bytes] = []
        size = 0
        while data := await answer.read():
            body.feed(self._plain(coding, data))
            if size > HELD_BYTES:
                await self.reply.write(b"".join(held))
                held.clear()
            held.append(data)
            size += len(data)
        self._call.sent_bytes = size
        self._dialogue.told(body.readings())
        self._settle(answer)
        await self.reply.finish(b"".join(held))

    async def _bytes(self, answer: Answer) -> None:
        """Pass on a body that says nothing of MCP."""
        last = b""
        while data := await answer.read():
            if last:
                await self.reply.write(last)
            last = data
            self._call.sent_bytes += len(data)
        self._settle(answer)
        await self.reply.finish(last)

    def _settle(self, answer: Answer) -> None:
        """Put on record how it ended, before the client has the end."""
        dialogue = self._dialogue
        if answer.status == 202 or (self._leaves_open and dialogue.session is not None):
            dialogue.leave_open()
        dialogue.end(self._why or _NO_REPLY)
        if self._request.method == "DELETE" and answer.status < 300:
            dialogue.end_session()
        self._call.end(None, is_seen=dialogue.asks or (dialogue.is_seen and answer.status < 400))

    async def _fail(self, failed: Failed) -> None:
        """Answer for a server that does not: an error if there is still time, else an end."""
        outcome = Outcome.UNKNOWN if failed.is_sent else Outcome.ERROR
        why = f"indelible: {failed.why}"
        ids = self._dialogue.open_ids
        self._why = (outcome, ErrorType.ABANDONED, failed.why)
        if self._leaves_open:
            self._dialogue.leave_open()
        self._dialogue.end(self._why)
        self._call.end(self._why, is_seen=self._dialogue.asks)
        if self.reply.has_left:
            self.reply.abort()
        else:
            await self.reply.say(failed.status, _errors(ids or [None], why))

    def _over(self, error: BaseException | None) -> None:
        """Record what is not on record yet, however it ended."""
        dialogue = self._dialogue
        if error is not None and self._leaves_open:
            dialogue.leave_open()
        dialogue.end(self._why or _NO_REPLY)
        is_unanswered = error is not None and self._call.status is None
        self._call.end(self._why if is_unanswered else None, is_seen=dialogue.asks)
        if dialogue.holds_stream:
            dialogue.end_session()
        dialogue.leave()


def _errors(ids: list[Json], why: str) -> bytes:
    """Return the JSON-RPC error for each id; alone where there is one."""
    told = [error_reply(jsonrpc_id, why) for jsonrpc_id in ids]
    return told[0] if len(told) == 1 else b"[%s]" % b",".join(told)
