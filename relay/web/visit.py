"""One request to one form: what is known about it so far, and how to answer it whatever happens."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from datetime import timedelta

from aiohttp import web

from relay import events
from relay.errors import CertificateUnusable, RelayError, RequestRefused, SubmissionRejected
from relay.form import FileField, Form
from relay.intake import OpenForm
from relay.submission import Answers, Submission
from relay.web import answers, proof, proxies, tokens, troubles, turning
from relay.web.door import Door
from relay.web.form_page import FormPage
from relay.web.headers import page_policy
from relay.web.language import asked, choose
from relay.web.origins import next_address
from relay.web.pages import PracticePage, SentPage, TracesPage
from relay.web.problems import files_again
from relay.web.received import Received
from relay.web.refusals import refuse
from relay.web.reserved import Reserved, most_answers
from relay.web.words import Words, words_for


@dataclass(slots=True)
class Visit:
    """A visitor at the door of one form."""

    request: web.Request
    door: Door
    open_form: OpenForm
    received: Received = field(default_factory=Received)
    reserved: Reserved = field(default_factory=Reserved)
    proof_helps: bool = False
    """Does the answer carry a challenge, since so much comes?"""

    @classmethod
    def at(cls, request: web.Request, door: Door) -> Visit:
        """The visit to the form that the address names. Raises ``RequestRefused`` (403 unencrypted, 404)."""
        if not proxies.came_encrypted(request, door.trusted_proxies):
            raise refuse("NOT_ENCRYPTED")
        open_form = door.find(request.match_info)
        if open_form is None:
            raise refuse("FORM_NOT_FOUND")
        return cls(request, door, open_form)

    @property
    def form(self) -> Form:
        """The form."""
        return self.open_form.form

    @property
    def language(self) -> str:
        """The language to answer in, one of the form's."""
        given = self.reserved.lang or self.request.query.getall("_lang", ())
        return choose(self.form.languages, asked(given, self.request.headers.get("Accept-Language", "")))

    @property
    def words(self) -> Words:
        """Our words in it."""
        return words_for(self.language)

    @property
    def embed(self) -> bool:
        """Does the page stand in a frame of the practice's site?"""
        return "embed" in self.request.query

    @property
    def token(self) -> tokens.Token | None:
        """What the token says; None without one of ours that is not too old."""
        token = tokens.read_token(self.door.secret, self.form.path, self.reserved.token)
        return token if token is not None and self._open_for(token) < self.door.limits.page_open else None

    @property
    def once(self) -> bytes | None:
        """What makes two requests the same sending; None without a token of ours."""
        return self.token.nonce if self.token else None

    @property
    def cost(self) -> int:
        """What it counts for: without a token nobody saw our page, and it has half the share."""
        return 1 if self.once else 2

    def require_timely(self) -> None:
        """Refuse what no person sent: faster than anybody types, or with a token that is not ours.

        A page that was open for too long is refused too. In all three cases the page is shown again with
        everything that was typed, and one more click sends it. Without a token nothing is refused: a site's
        own form has none.
        """
        if not self.reserved.token:
            return
        token = tokens.read_token(self.door.secret, self.form.path, self.reserved.token)
        if token is None:
            raise refuse("TOKEN_UNKNOWN")
        if self._open_for(token) >= self.door.limits.page_open:
            raise refuse("TOKEN_EXPIRED")
        # Whole seconds in the token: up to one of them has passed unseen. A clock set back counts as time.
        if 0 <= self._open_for(token) < self.door.limits.fill_in:
            raise refuse("TOO_FAST")

    def _open_for(self, token: tokens.Token) -> float:
        return (self.door.clock() - token.issued_at).total_seconds()

    @property
    def allowance(self) -> dict[str, int]:
        """Bytes that each file field may hold."""
        return {each.name: each.max_size for each in self.form.questions if isinstance(each, FileField)}

    @property
    def most_answers(self) -> int:
        """How many there may be."""
        return most_answers(self.form, self.door.limits)

    @property
    def step(self) -> int | None:
        """Which page of the form is at hand, from 0; None where all of it is one."""
        if len(self.form.steps) == 1 or "whole" in self.request.query:
            return None
        return turning.shown_before(self.form, self.reserved.page) or 0

    @property
    def answers(self) -> Answers:
        """What arrived."""
        return Answers(self.received.texts, self.received.uploads)

    def turned(self) -> int | None:
        """The page of the form that comes next; None where everything is there to be taken.

        Raises ``SubmissionRejected`` where something is to be mended before.
        """
        step = turning.shown_before(self.form, self.reserved.page)
        if step is None or answers.wants_json(self.request):
            return None
        if self.reserved.back:
            return turning.preceding(self.form, self.answers, step)
        following = turning.following(self.form, self.answers, step)
        if following is not None:
            try:
                Submission.validate(self.form, self.answers, language=self.language)
            except SubmissionRejected as error:
                problems = turning.until(self.form, error.problems, step)
                if problems:
                    raise SubmissionRejected(problems) from None
        return following

    def at_step(self, step: int) -> web.Response:
        """Another page of the form, with everything answered so far; files have to be chosen again."""
        again = files_again(self.form, self.received.uploads, ())
        trouble = self._explained(SubmissionRejected(again)) if again else None
        return self._page(trouble, step=step, typed=True)

    @property
    def files_come_last(self) -> bool:
        """No text is asked for behind the first file: a page sends its answers in this order."""
        kinds = [isinstance(each, FileField) for each in self.form.questions]
        return kinds == sorted(kinds)

    def shown(self) -> web.Response:
        """The empty form; where it cannot be sent at all, that is said before anybody writes."""
        now = self.door.clock()
        try:
            for certificate in self.open_form.certificates:
                certificate.require_usable(now)
        except CertificateUnusable as error:
            self._tell_operator(error)
            trouble = troubles.beforehand(self.words)
            return (
                answers.trouble_as_json(trouble) if answers.wants_json(self.request) else self._page(trouble)
            )
        return self._page(None, step=self.step)

    def refused(self, error: Exception) -> web.Response:
        """Why it was not taken, with everything that was typed."""
        self.door.counted(self.form.tenant, outcome_of(error))
        self._tell_operator(error)
        to_program = answers.wants_json(self.request)
        step = self.step
        if isinstance(error, SubmissionRejected) and step is not None and not to_program:
            step, problems = turning.to_mend(self.form, error.problems, step)
            error = SubmissionRejected(problems)
        trouble = self._explained(error)
        if to_program:
            spent = self.reserved.token and not self.once
            token = self._new_token(filled_in=True) if spent else ""
            asked = self._challenge(self.once) if trouble.code == "TOO_MANY_SUBMISSIONS" else None
            return answers.trouble_as_json(trouble, token, asked)
        return self._page(trouble, step=step, typed=True)

    def accepted(self, reference: str) -> web.Response:
        """Received and stored."""
        self.door.counted(self.form.tenant, "received")
        language = self.language
        path = tokens.sent_path(self.door.secret, self.form.path, reference, language)
        following = next_address(self.reserved.next, self.form)
        if answers.wants_json(self.request):
            address = following or self.door.public_url + path
            return answers.accepted_as_json(reference, address, words_for(language).text("sent.title"))
        return answers.see_other(following or path + ("?embed" if self.embed else ""))

    def confirmed(self, reference: str, language: str) -> web.Response:
        """The confirmation page."""
        page = SentPage(
            form=self.form,
            practice=self.open_form.practice,
            language=language,
            embed=self.embed,
            reference=reference,
        )
        if "text" not in self.request.query:
            return answers.page(page, 200, policy=self._policy(page))
        return web.Response(
            text=page.as_text(), headers={"Content-Disposition": f'attachment; filename="{reference}.txt"'}
        )

    def about_traces(self) -> web.Response:
        """The page about traces in the browser."""
        page = TracesPage(
            form=self.form,
            practice=self.open_form.practice,
            language=self.language,
            embed=self.embed,
        )
        return answers.page(page, 200, policy=self._policy(page))

    def _page(
        self, trouble: troubles.Trouble | None, *, step: int | None = None, typed: bool = False
    ) -> web.Response:
        # The same token again: what is sent twice from two showings of one page stays one letter.
        token = self.reserved.token if self.once else self._new_token(filled_in=typed)
        said = tokens.read_token(self.door.secret, self.form.path, token)
        page = FormPage(
            form=self.form,
            practice=self.open_form.practice,
            language=self.language,
            embed=self.embed,
            token=token,
            challenge=self._challenge(said.nonce if said else None),
            step=step,
            typed=self.received.texts if typed else None,
            trouble=trouble,
            next_address=next_address(self.reserved.next, self.form),
            sendable=typed or trouble is None,
        )
        return answers.page(page, trouble.status if trouble else 200, policy=self._policy(page))

    def _explained(self, error: Exception) -> troubles.Trouble:
        return troubles.explain(
            error,
            self.form,
            self.received,
            words=self.words,
            language=self.language,
            limits=self.door.limits,
            to_program=answers.wants_json(self.request),
        )

    def _new_token(self, *, filled_in: bool) -> str:
        # Who gets back what they typed has nothing to fill in, and was told that one click is missing.
        taken = timedelta(seconds=self.door.limits.fill_in if filled_in else 0)
        secret, path = self.door.secret, self.form.path
        # Of a page that was open for too long nobody knows whether it was not sent before: it stays the same
        # sending.
        old = tokens.read_token(secret, path, self.reserved.token)
        return tokens.new_token(secret, path, self.door.clock() - taken, old.nonce if old else None)

    def _challenge(self, nonce: bytes | None) -> proof.Challenge | None:
        if not self.proof_helps:
            return None
        return proof.new_challenge(self.door.secret, self.form.path, nonce or b"", self.door.clock())

    def _policy(self, page: PracticePage) -> str:
        own = self.request.headers.get("Sec-Fetch-Site") == "same-origin"
        return page_policy(self.form.origins, embed=self.embed, own=own, scripts=bool(page.scripts))

    def _tell_operator(self, error: Exception) -> None:
        if isinstance(error, RequestRefused | SubmissionRejected):
            return
        if isinstance(error, RelayError):
            what = self.form.tenant, self.form.name, reason_of(error)
            if self.door.seldom(*what):
                events.form_unavailable(*what)
        else:
            events.request_failed(type(error).__name__, place_of(error))


def outcome_of(error: Exception) -> str:
    """How it ended, for who counts: the visitor can mend it, it is refused, or we cannot take it."""
    if isinstance(error, SubmissionRejected):
        return "rejected"
    refused = isinstance(error, RequestRefused) and error.status < 500
    return "refused" if refused else "unavailable"


def reason_of(error: RelayError) -> str:
    """A stable word for the operator."""
    return f"key-{error.code}" if isinstance(error, CertificateUnusable) else type(error).__name__


def place_of(error: BaseException) -> str:
    """Module and line of our code in which it happened: never a message, which could quote what was typed."""
    frames = [
        (frame.f_globals.get("__name__", ""), line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    ours = [f"{module}:{line}" for module, line in frames if module.startswith("relay.")]
    return ours[-1] if ours else "outside"
