"""A service that edits images over HTTP, by OpenAI's protocol: ``POST …/images/edits``.

Answers are kept by content, so that a repeated command costs nothing; waits, retries, rate and cost are this module's. The key is read
from an environment variable each time, and written nowhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from baselines.service_ledger import Ledger
from baselines.service_terms import Terms, check_service
from tedbench.disk import writing
from tedbench.download import store
from tedbench.errors import ImageError, PairError, UserError
from tedbench.image import read_image

if TYPE_CHECKING:
    import requests

MOST_BYTES = 100_000_000
"""Longest answer that is read."""
LONGEST_WAIT = 120.0
"""Longest wait in seconds before an attempt is repeated, whatever the service asks for."""
AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
"""Statuses after which an attempt is repeated."""
WRONG = {
    401: "it refuses the key",
    402: "it wants to be paid",
    403: "it refuses the key",
    404: "there is no such address or model",
}
"""Statuses that every other image would get too."""


class Answer(NamedTuple):
    """An edited image.

    Attributes:
        image: (H, W, 3) uint8, of any size.
        model: the model that the service says it is; "" if it does not say.
        cached: True if it was there already.
    """

    image: np.ndarray
    model: str
    cached: bool


@dataclass(frozen=True)
class Failure:
    """An attempt without an image, which is worth another.

    Attributes:
        why: for people.
        wait: seconds that the service asks to wait; None if it does not ask.
    """

    why: str
    wait: float | None = None


class EditService:
    """A service at an address, with a model of its own."""

    def __init__(self, url: str, model: str, terms: Terms, wait: Callable[[float], None] = time.sleep) -> None:
        """
        Args:
            url: of the protocol's root, such as "http://127.0.0.1:8600/v1".
            model: the name by which the service knows it.
            terms: of its use.
            wait: called with seconds.

        Raises:
            UserError: the address, the key's name or a term is impossible, or the variable is not set.
        """
        check_service(url, model, terms)
        self._address, self._model, self._terms, self._wait = f"{url.rstrip('/')}/images/edits", model, terms, wait
        self._folder = Path(terms.answers).expanduser()
        limits = {"per_minute": terms.per_minute, "price": terms.price, "most_cost": terms.most_cost}
        self._ledger = Ledger(self._folder, **limits, wait=wait)

    def edit(self, image: np.ndarray, text: str, fields: Mapping[str, Any], number: int) -> Answer:
        """Return the service's edit of an image, or the kept one of the same request.

        Args:
            image: (side, side, 3) uint8.
            text: what it is told.
            fields: further fields of the form.
            number: of the request among those that are equal otherwise.

        Raises:
            PairError: the service has no edit of this image: it refused it, timed out, or answered with no image, each time.
            UserError: it would refuse every image, the cost would exceed the limit, or the folder cannot be written to.
        """
        form = {"model": self._model, "prompt": text, "n": "1", **{key: _word(value) for key, value in fields.items()}}
        about = {"address": self._address, "form": form, "number": number, "pixels": _digest(image)}
        name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        if (kept := self._kept(name)) is not None:
            return kept
        self._ledger.spend()
        try:
            answer, model = self._ask(image, form)
        except UserError:
            self._ledger.give_back()
            raise
        return self._keep(name, answer, {**about, "model": model, "time": round(time.time())})

    def _ask(self, image: np.ndarray, form: Mapping[str, str]) -> tuple[bytes, str]:
        """Return an image's bytes and the model's name, after as many attempts as the terms allow."""
        attempts, why = self._terms.retries + 1, ""
        for attempt in range(attempts):
            self._ledger.take_turn()
            found = self._attempt(image, form)
            if not isinstance(found, Failure):
                return found
            why = found.why
            if attempt + 1 < attempts:
                self._wait(_delay(attempt, found.wait))
        raise PairError(f"the service had no answer in {attempts} attempt{'s' * (attempts > 1)}: {why}")

    def _attempt(self, image: np.ndarray, form: Mapping[str, str]) -> tuple[bytes, str] | Failure:
        """Return an image's bytes and the model's name, or the attempt's failure.

        Raises:
            PairError: the service refuses this image.
            UserError: it refuses everything.
        """
        import requests

        data = BytesIO()
        Image.fromarray(image).save(data, format="PNG")
        try:
            response = requests.post(
                self._address,
                data=form,
                files={"image": ("image.png", data.getvalue(), "image/png")},
                headers={"Authorization": f"Bearer {key}"} if (key := self._key()) else {},
                timeout=self._terms.timeout,
                allow_redirects=False,
                stream=True,
            )
            with response:
                body = _body(response)
        except (requests.RequestException, ValueError) as error:
            return Failure(type(error).__name__)
        if response.status_code != 200:
            return self._refused(response, body)
        try:
            said = json.loads(body)
            first = said["data"][0]
            picture = (
                base64.b64decode(first["b64_json"], validate=True)
                if first.get("b64_json")
                else self._fetch(first["url"])
            )
            with Image.open(BytesIO(picture)) as opened:
                opened.load()
        except (
            ValueError,
            KeyError,
            IndexError,
            TypeError,
            AttributeError,
            binascii.Error,
            OSError,
            Image.DecompressionBombError,
        ) as error:
            return Failure(f"an answer without a whole image ({type(error).__name__})")
        model = said.get("model") or response.headers.get("openai-model") or response.headers.get("x-model") or ""
        return picture, self._clean(str(model))[:200]

    def _refused(self, response: requests.Response, body: bytes) -> Failure:
        """Return the failure of a refused request, see :meth:`_attempt`."""
        status, said = response.status_code, self._clean(_message(body))
        words = f"HTTP {status}{f', {said}' if said else ''}"
        if status == 429 and "quota" in said.lower():
            raise UserError(
                f"The service has no more quota for you ({words}). What is finished is kept; repeat the command later."
            )
        if status in AGAIN:
            return Failure(words, _seconds(response.headers.get("retry-after", "")))
        if status in WRONG:
            advice = (
                f"Check ${self._terms.key}, method.url and method.model_name."
                if self._terms.key
                else "Check method.url and method.model_name."
            )
            raise UserError(f"The service answers that {WRONG[status]} ({words}). {advice}")
        raise PairError(f"the service refuses it: {words}")

    def _fetch(self, url: str) -> bytes:
        """Return the file behind an answer's address, which is asked for without the key.

        Raises:
            ValueError: an address of another protocol, or of another machine without encryption; or it cannot be read.
        """
        import requests

        there, ours = urlsplit(url), urlsplit(self._address)
        if there.scheme != "https" and (there.scheme, there.netloc) != (ours.scheme, ours.netloc):
            raise ValueError("address")
        try:
            with requests.get(url, timeout=self._terms.timeout, stream=True) as response:
                response.raise_for_status()
                return _body(response)
        except requests.RequestException as error:
            raise ValueError(type(error).__name__) from None

    def _key(self) -> str:
        return os.environ.get(self._terms.key, "") if self._terms.key else ""

    def _clean(self, text: str) -> str:
        """Return a text of the service without the key, in case it repeats that."""
        key = self._key()
        return text.replace(key, "…") if key else text

    def _kept(self, name: str) -> Answer | None:
        """Return a kept answer; None if there is none, or its file is damaged."""
        try:
            about = json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8"))
            if hashlib.sha256((self._folder / f"{name}.image").read_bytes()).hexdigest() != about["sha256"]:
                return None
            return Answer(read_image(self._folder / f"{name}.image"), about["model"], True)
        except (OSError, ValueError, KeyError, TypeError, ImageError):
            return None

    def _keep(self, name: str, picture: bytes, about: dict[str, Any]) -> Answer:
        with writing(self._folder):
            store(self._folder / f"{name}.image", picture)
            record = about | {"sha256": hashlib.sha256(picture).hexdigest()}
            store(self._folder / f"{name}.json", json.dumps(record, indent=1, sort_keys=True).encode())
        return Answer(read_image(self._folder / f"{name}.image"), about["model"], False)


def _body(response: requests.Response) -> bytes:
    found = bytearray()
    for chunk in response.iter_content(1 << 16):
        found += chunk
        if len(found) > MOST_BYTES:
            raise ValueError("too long")
    return bytes(found)


def _message(body: bytes) -> str:
    """Return a service's own message in one line; "" if there is none."""
    try:
        error = json.loads(body)["error"]
        text = error["message"] if isinstance(error, Mapping) else error
    except (ValueError, KeyError, TypeError):
        text = ""
    return " ".join(str(text).split())[:200]


def _seconds(header: str) -> float | None:
    try:
        return float(header)
    except ValueError:  # absent, or a date
        return None


def _delay(attempt: int, asked: float | None) -> float:
    """Return the seconds to wait after an attempt: as the service asks, or twice as long each time, with some chance in it."""
    doubled = 2.0**attempt * (1 + secrets.randbelow(1000) / 1000)
    return min(LONGEST_WAIT, max(0.0, doubled if asked is None else asked))


def _digest(image: np.ndarray) -> str:
    return hashlib.sha256(f"{image.shape}".encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def _word(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | list | dict) else str(value)
