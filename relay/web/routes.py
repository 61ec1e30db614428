"""The addresses of the relay, and what happens at each.

    GET   /f/FORM, /f/TENANT/FORM          the form
    POST  the same                         receive, accept, 303 to the confirmation (or _next); JSON 202
    GET   .../sent/REFERENCE.CODE          the confirmation; with ``?text`` the reference as a file to keep
    GET   .../traces                       what stays in a browser, and how to remove it
    GET   /assets/NAME.HASH.css            the style
    GET   /assets/[TENANT/]FORM/NAME...    what hides questions of this form until they are asked
    ...   /embed/v1.js, .../embed          the form on other websites (``embed``)

Every exception becomes an answer in words; that of a form, where one is known, with everything that was
typed.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from aiohttp import web

from relay import events
from relay.errors import RequestRefused, SpoolError, let_go
from relay.intake import OpenForm
from relay.submission import Submission
from relay.web import answers, assets, colour, embed, headers, proxies, tokens, troubles
from relay.web.bodies import longest_text, receive
from relay.web.door import Door
from relay.web.language import asked, choose
from relay.web.origins import may_send, next_address
from relay.web.pages import PlainPage
from relay.web.pressure import Pressure
from relay.web.rates import network_of
from relay.web.received import Room, Share
from relay.web.refusals import refuse
from relay.web.reserved import take_reserved
from relay.web.visit import Visit, place_of
from relay.web.words import Words, catalogues

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_METHODS = {"GET", "HEAD", "OPTIONS", "POST"}


def create_app(door: Door) -> web.Application:
    """The application that answers visitors; ``serving`` puts deadlines and limits in front of it."""
    desk = _Desk(door)
    app = web.Application(middlewares=[desk.in_words])
    app.on_response_prepare.append(headers.protect)
    app.cleanup_ctx.append(desk.forgetting)
    embed.register(app, door)
    for form in ("/f/{form}", "/f/{tenant}/{form}"):
        # First: what follows would take it for the name of a form.
        app.router.add_get(form + "/traces", desk.traces)
        app.router.add_get(form, desk.show)
        app.router.add_post(form, desk.take)
        app.router.add_get(form + "/sent/{sent}", desk.confirm)
        app.router.add_get(form.replace("/f/", "/assets/") + "/{asset}", desk.asset_of_form)
    app.router.add_get("/assets/{asset}", desk.asset)
    return app


class _Desk:
    """The handlers, and the little that they remember: counts, never content."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._room = Room(door.limits.in_memory)
        self._present: Counter[str] = Counter()
        self._noted: set[tuple[str, str, str]] = set()
        self._pressure = Pressure()

    async def forgetting(self, app: web.Application) -> AsyncIterator[None]:
        """``cleanup_ctx``: networks are forgotten in time, as long as the application runs."""
        task = asyncio.create_task(self._pressure.forget_in_time(), name="forget networks")
        yield
        task.cancel()
        await asyncio.wait([task])

    async def show(self, request: web.Request) -> web.Response:
        """The form."""
        visit = Visit.at(request, self._door)
        visit.proof_helps = self._pressure.proof_helps(visit)
        return visit.shown()

    async def take(self, request: web.Request) -> web.Response:
        """A submission."""
        visit = Visit.at(request, self._door)
        holders = self._holders(visit)
        with self._room.share(*holders) as share, self._one_of_few(request) as crowded:
            try:
                await self._receive(visit, share, crowded=crowded)
                step = visit.turned()
                if step is not None:
                    visit.proof_helps = self._pressure.proof_helps(visit)
                    return visit.at_step(step)
                reference = await self._accept(visit)
            except ConnectionError:
                # The visitor is gone: there is nobody to answer, and nothing was kept.
                raise
            except Exception as error:
                visit.proof_helps = self._pressure.proof_helps(visit)
                answer = visit.refused(error)
                let_go(error)
                return answer
        return visit.accepted(reference)

    async def confirm(self, request: web.Request) -> web.Response:
        """The confirmation of something that was really received."""
        visit = Visit.at(request, self._door)
        sent = tokens.read_sent(
            self._door.secret, visit.form.path, request.match_info["sent"], visit.form.languages
        )
        if sent is None:
            raise refuse("FORM_NOT_FOUND")
        return visit.confirmed(*sent)

    async def traces(self, request: web.Request) -> web.Response:
        """What stays in a browser."""
        return Visit.at(request, self._door).about_traces()

    async def asset(self, request: web.Request) -> web.Response:
        """A file that a page needs."""
        in_use = {open_form.practice.colour for open_form in self._door.forms.values()}
        accents = frozenset(each or colour.DEFAULT for each in in_use) | {colour.DEFAULT}
        return _kept_for_ever(assets.find(request.match_info["asset"], accents))

    async def asset_of_form(self, request: web.Request) -> web.Response:
        """What hides the questions of one form until they are asked."""
        open_form = self._door.find(request.match_info)
        asset = assets.hiding(open_form.form) if open_form else None
        asked_for = asset is not None and asset.path == request.path
        return _kept_for_ever(asset if asked_for else None)

    @web.middleware
    async def in_words(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """The last resort: whatever happens is answered in words, and nothing of it is quoted."""
        began = time.monotonic()
        try:
            response = await handler(request)
        except ConnectionError:
            raise
        except Exception as error:
            response = self._last_word(request, error)
        open_form = self._door.find(request.match_info)
        tenant, form = (open_form.form.tenant, open_form.form.name) if open_form else ("", "")
        method = request.method if request.method in _METHODS else "other"  # it may be any word
        events.request_answered(method, tenant, form, response.status, time.monotonic() - began)
        return response

    def _last_word(self, request: web.Request, error: Exception) -> web.Response:
        words = _words(request)
        address = ""
        allow: dict[str, str] = {}
        match error:
            case web.HTTPMethodNotAllowed():
                allow = {"Allow": ", ".join(sorted(error.allowed_methods))}
                trouble = troubles.refused("METHOD_NOT_ALLOWED", 405, words)
            case web.HTTPNotFound():
                trouble = troubles.refused("FORM_NOT_FOUND", 404, words)
            case web.HTTPException():
                trouble = troubles.refused("MALFORMED", error.status, words)
            case RequestRefused():
                trouble = troubles.refused(error.code, error.status, words)
                if error.code == "NOT_ENCRYPTED":
                    address = self._door.public_url + request.path
            case _:
                events.request_failed(type(error).__name__, place_of(error))
                trouble = troubles.failed(words)
        if answers.wants_json(request):
            response = answers.trouble_as_json(trouble)
        else:
            page = PlainPage(words, trouble, address)
            response = answers.page(page, trouble.status, policy=headers.page_policy((), embed=False))
        response.headers.update(allow)
        return response

    async def _receive(self, visit: Visit, share: Share, *, crowded: bool) -> None:
        allowance = {} if crowded else visit.allowance
        no_room = await self._lack_of_room(visit)
        try:
            await receive(
                visit.request,
                visit.received,
                limits=self._door.limits,
                allowance=allowance,
                share=share,
                most=visit.most_answers,
                up_to_files=no_room is not None and visit.files_come_last,
            )
        except RequestRefused as error:
            raise no_room or error from None
        finally:
            visit.reserved = take_reserved(visit.received, visit.form)
        if no_room:
            raise no_room
        if crowded:
            raise refuse("TOO_MANY_REQUESTS")
        if not self._came_from_a_known_page(visit):
            self._note("origin_not_allowed", visit, events.origin_not_allowed)
            raise refuse("ORIGIN_NOT_ALLOWED")
        if visit.reserved.gotcha:
            raise refuse("CONFIRM")

    async def _accept(self, visit: Visit) -> str:
        try:
            visit.require_timely()
        except RequestRefused:
            # What is to be mended is said first: "simply send once more" would not be true.
            Submission.validate(visit.form, visit.answers, language=visit.language)
            raise
        if visit.reserved.dropped:
            self._note("reserved_field_dropped", visit, events.reserved_field_dropped)
        if visit.reserved.next and next_address(visit.reserved.next, visit.form) is None:
            self._note("next_ignored", visit, events.next_ignored)
        with self._pressure.counted(visit):
            return await self._door.intake.accept(
                self._as_its_keys_are_now(visit),
                visit.answers,
                language=visit.language,
                now=self._door.clock(),
                once=visit.once,
            )

    def _as_its_keys_are_now(self, visit: Visit) -> OpenForm:
        """The form as it was when the request began, with its keys as they are: one of them may have been
        revoked while a file was arriving.
        """
        now = self._door.find(visit.request.match_info)
        known = {each.fingerprint: each for each in now.certificates} if now else {}
        before = visit.open_form
        certificates = tuple(known.get(each.fingerprint, each) for each in before.certificates)
        return replace(before, certificates=certificates)

    async def _lack_of_room(self, visit: Visit) -> SpoolError | None:
        """Why the spool would take nothing, asked before files are read.

        A text alone is read first and tried: if it is not taken it stands on the page again.
        """
        announced = visit.request.content_length
        if announced is not None and announced <= self._door.limits.text:
            return None
        try:
            await self._door.intake.require_room(visit.open_form, self._files_to_come(visit))
        except SpoolError as error:
            if answers.wants_json(visit.request):
                raise  # a program still has what it sends: nothing of it is read
            return error
        return None

    def _files_to_come(self, visit: Visit) -> int:
        """Bytes of files that are certain to be sealed if all goes well; 0 where nothing is certain."""
        announced = (visit.request.content_length or 0) - longest_text(self._door.limits)
        # Files for no field of the form are let go, but nobody knows of them before the body is read: it is
        # refused a moment too early. Who announces more than may be taken is to be told that, not that there
        # is no room; and nobody may make the operator look for room by announcing a petabyte.
        taken = min(sum(visit.allowance.values()), self._door.limits.files)
        return announced if 0 < announced <= taken else 0

    def _came_from_a_known_page(self, visit: Visit) -> bool:
        sent = visit.request.headers
        return may_send(sent.get("Origin"), sent.get("Sec-Fetch-Site"), visit.form, self._door.public_url)

    def _holders(self, visit: Visit) -> Iterator[str]:
        """Who must leave memory to others: the visitor's network; the practice, where there are several."""
        visitor = proxies.visitor(visit.request, self._door.trusted_proxies)
        if visitor:
            yield f"network {network_of(visitor)}"
        if any(tenant != visit.form.tenant for tenant, _ in self._door.forms):
            yield f"practice {visit.form.tenant}"

    @contextmanager
    def _one_of_few(self, request: web.Request) -> Iterator[bool]:
        """True where this visitor is sending more at the same time than one address may."""
        visitor = proxies.visitor(request, self._door.trusted_proxies)
        self._present[visitor] += 1
        try:
            yield bool(visitor) and self._present[visitor] > self._door.limits.connections_per_address
        finally:
            self._present[visitor] -= 1
            if not self._present[visitor]:
                del self._present[visitor]

    def _note(self, what: str, visit: Visit, event: Callable[[str, str], None]) -> None:
        """Once per form: one wrong page could write a line per visitor."""
        key = (visit.form.tenant, visit.form.name, what)
        if key not in self._noted:
            self._noted.add(key)
            event(visit.form.tenant, visit.form.name)


def _kept_for_ever(asset: assets.Asset | None) -> web.Response:
    if asset is None:
        raise refuse("FORM_NOT_FOUND")
    return web.Response(
        body=asset.content,
        content_type=asset.content_type,
        charset="utf-8",
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


def _words(request: web.Request) -> Words:
    known = catalogues()
    wanted = asked(request.query.getall("_lang", ()), request.headers.get("Accept-Language", ""))
    return known[choose(list(known), wanted)]
