"""The study server's application: a rater's way from arrival to the completion code.

    GET  /?PARAMETER=ID            a seat for the participant, then to its link
    GET  /session/TOKEN            the session's page without the screens that are answered; at the end, the code
    POST /session/TOKEN/answers    the page's fields so far, after every screen → 204 when they are on the disk
    POST /session/TOKEN            the page's fields, from its button → back to the link
    GET  /images/NAME              a picture

A token is a seat's id signed with the server's secret: whoever has the link has the session, and no cookie is needed. A page
that is left and opened again goes on where it was, whether by the link or by the same participant's arrival.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from eval.study.server.platforms import LONGEST, Platform, refusal
from eval.study.server.rate_limit import RateLimit
from eval.study.server.seats import Answer, Seat, Seats
from eval.study.sheets.mturk import CHOICE, MILLISECONDS, SESSION, numbered
from eval.study.sheets.public_sheets import PublicSheets, allowed, policy
from eval.study.sheets.sheets import substitute

MOST_SENT = 65_536
"""Largest size of a form in bytes."""
MOST_TOLD = 100
"""Largest number of refused participants that are printed, so that a flood of them does not fill the disk."""
MILLISECOND_DIGITS = re.compile(r"\d{0,11}", re.ASCII)
SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
TITLES = {
    400: "This address is not complete",
    404: "There is no such page",
    410: "Your place was given to another",
    413: "Too much was sent",
    429: "Too many requests",
    503: "No place is free now",
}
GONE = (
    "You were away for a while, and somebody else needed your place. What you had answered is kept. Please write to us."
)
FULL = "All places are taken, or were given to others. Please come back in an hour, or return the task."


class RaterPages:
    """Endpoints of the application; see :func:`application` for the arguments."""

    def __init__(
        self, sheets: PublicSheets, seats: Seats, platform: Platform, code: str, limit: RateLimit, secret: bytes
    ) -> None:
        self._sheets, self._seats, self._platform, self._code = sheets, seats, platform, code
        self._limit, self._secret = limit, secret
        self._told: set[str] = set()
        self._rows = {cells[SESSION]: cells for cells in sheets.rows}
        self._pictures, self._offered = sheets.pictures(), sheets.choices()
        self._templates = Environment(loader=PackageLoader("eval.study"), autoescape=True, undefined=StrictUndefined)

    async def arrive(self, request: Request) -> Response:
        self._count(_address(request))
        participant = self._platform.given(request.query_params)
        if refusal(participant):
            return self._refuse(participant)
        seat = await run_in_threadpool(self._seats.take, participant)
        if seat is None:
            raise HTTPException(503, FULL)
        return RedirectResponse(f"/session/{self.token(seat.id)}", 303, SAFE)

    def _refuse(self, id: str) -> Response:
        """Explain a refusal: to the participant on the page, to the operator of the server once for each id."""
        if id or not self._platform.asks:
            self._tell(id)
        said = [self._platform.advice(id)] if id or not self._platform.asks else []
        if self._platform.asks:
            status, title = (
                (400, "This participant number cannot be used") if id else (200, "Which participant are you?")
            )
            return self._page("serve_message.html.j2", status, title=title, paragraphs=said, ask=True)
        title = "Your participant id cannot be used" if id else TITLES[400]
        return self._page("serve_message.html.j2", 400, title=title, paragraphs=said, ask=False)

    def _tell(self, id: str) -> None:
        if len(self._told) < MOST_TOLD and id not in self._told:
            self._told.add(id)
            what = f"{self._platform.parameter} {id[: LONGEST + 1]!a}" if id else f"no {self._platform.parameter}"
            print(f"A participant was refused: {what} ({refusal(id)}).", file=sys.stderr, flush=True)

    async def session(self, request: Request) -> Response:
        seat = await run_in_threadpool(self._seats.keep, self._seat_id(request))
        if seat is None:
            raise HTTPException(410, GONE)
        return self._done() if seat.finished else await self._screens(seat)

    async def send(self, request: Request) -> Response:
        await self._record(request)
        return RedirectResponse(request.url.path, 303, SAFE)

    async def answers(self, request: Request) -> Response:
        await self._record(request)
        return Response(status_code=204, headers=SAFE)

    async def image(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._pictures:
            raise HTTPException(404)
        content = await run_in_threadpool((self._sheets.images / name).read_bytes)
        kind = "image/png" if name.endswith("png") else "image/jpeg"
        kept = {**SAFE, "Cache-Control": "private, max-age=86400, immutable"}
        return Response(content, media_type=kind, headers={**kept, "Content-Security-Policy": "default-src 'none'"})

    async def problem(self, request: Request, error: Exception) -> Response:
        """Return an error as a page for raters."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        said = [str(error.detail)] if isinstance(error, HTTPException) and status in (400, 410, 429, 503) else []
        title = TITLES.get(status, "Something went wrong")
        page = self._page("serve_message.html.j2", status, title=title, paragraphs=said, ask=False)
        page.headers.update(getattr(error, "headers", None) or {})
        return page

    def token(self, seat: str) -> str:
        """Return a seat's id, signed."""
        return f"{seat}.{hmac.new(self._secret, seat.encode(), hashlib.sha256).hexdigest()[:32]}"

    def _seat_id(self, request: Request) -> str:
        """Return the seat of a request's token; requests are limited by seat or, without a valid one, by address."""
        token = request.path_params["token"]
        id = token.partition(".")[0]
        if not hmac.compare_digest(token.encode(), self.token(id).encode()):
            self._count(_address(request))
            raise HTTPException(404)
        self._count(f"seat {id}")
        return str(id)

    def _count(self, who: str) -> None:
        if not self._limit.allows(who):
            raise HTTPException(429, "Please wait a minute, then load this page again.", {"Retry-After": "60"})

    async def _record(self, request: Request) -> None:
        id = self._seat_id(request)
        answers = self._read(await _body(request))
        try:
            seat = await run_in_threadpool(self._seats.record, id, answers)
        except KeyError:
            raise HTTPException(400, "An answer is to no screen of this session.") from None
        if seat is None:
            raise HTTPException(410, GONE)

    def _read(self, body: bytes) -> dict[int, Answer]:
        """Return the answers of a form, by place."""
        fields = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        answers = {}
        for name, choice in fields.items():
            field, _, digits = name.partition("_")
            if field == MILLISECONDS:
                continue
            place = int(digits) if digits.isascii() and digits.isdigit() else 0
            ms = fields.get(numbered(MILLISECONDS, place), "")
            if name != numbered(CHOICE, place) or choice not in self._offered or not MILLISECOND_DIGITS.fullmatch(ms):
                raise HTTPException(400, "An answer is none that this page offers.")
            answers[place] = Answer(choice, ms)
        return answers

    async def _screens(self, seat: Seat) -> Response:
        cells, answered = self._rows[seat.session], await run_in_threadpool(self._seats.answered, seat.id)
        places = {place for place, screen in enumerate(self._sheets.screens(cells), 1) if screen in answered}
        page, nonce = substitute(self._sheets.without(places), cells), secrets.token_urlsafe(16)
        link = f"/session/{self.token(seat.id)}"
        return self._page("serve_session.html.j2", nonce=nonce, page=Markup(allowed(page, nonce)), link=link)

    def _done(self) -> Response:
        link = self._platform.completion.format(code=self._code)
        return self._page("serve_done.html.j2", code=self._code, link=link, platform=self._platform.name)

    def _page(self, template: str, status: int = 200, nonce: str = "", **values: Any) -> Response:
        nonce = nonce or secrets.token_urlsafe(16)
        page = self._templates.get_template(template).render(**values, nonce=nonce, parameter=self._platform.parameter)
        return HTMLResponse(page, status, {**SAFE, "Content-Security-Policy": policy(nonce)})


def application(
    sheets: PublicSheets, seats: Seats, platform: Platform, code: str, limit: RateLimit, secret: bytes
) -> Starlette:
    """Return the application.

    Args:
        sheets: of the study.
        seats: its database.
        platform: the recruiting platform.
        code: of completion; "" shows none.
        limit: of requests.
        secret: of the links.
    """
    pages = RaterPages(sheets, seats, platform, code, limit, secret)
    problem: Callable[[Request, Exception], Awaitable[Response]] = pages.problem
    routes = [
        Route("/", pages.arrive),
        Route("/session/{token}", pages.session),
        Route("/session/{token}", pages.send, methods=["POST"]),
        Route("/session/{token}/answers", pages.answers, methods=["POST"]),
        Route("/images/{name}", pages.image),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: problem, 500: problem})


def _address(request: Request) -> str:
    return f"address {request.client.host}" if request.client else "address"


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_SENT:
            raise HTTPException(413)
    return body
