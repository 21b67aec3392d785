"""Terms of an editing service's use, and its address; none of the terms changes an image."""

from __future__ import annotations

import os
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from tedbench.errors import UserError

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
"""Pattern of the name of an environment variable."""


class Terms(NamedTuple):
    """Terms of a service's use.

    Attributes:
        key: name of the environment variable with the key; None for a service without one.
        retries: number of repeated attempts at an image.
        timeout: seconds without a byte before an attempt counts as failed.
        per_minute: most images that are asked for in a minute; None for no limit.
        price: cost of an image, in any currency; None if it is not counted.
        most_cost: cost at which no further image is asked for; None for no limit.
        answers: folder in which answers are kept, which runs share.
    """

    key: str | None
    retries: int
    timeout: float
    per_minute: float | None
    price: float | None
    most_cost: float | None
    answers: str


def check_service(url: str, model: str, terms: Terms) -> None:
    """Refuse what no service can be reached with, before anything is written.

    Raises:
        UserError: says which setting; a key in the place of its variable's name is not repeated.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UserError("method.url is no address of a service. Give its root, such as https://api.example.com/v1.")
    if parts.username or parts.password:
        raise UserError(
            "method.url has a user name or password. Put a key into a variable, and its name into method.terms.key."
        )
    if not model:
        raise UserError("method.model_name is empty. Give the name by which the service knows the model.")
    if terms.key is not None:
        if not VARIABLE.fullmatch(terms.key):
            raise UserError(
                "method.terms.key must be the name of an environment variable in capitals, such as OPENAI_API_KEY, not a key itself."
            )
        if not os.environ.get(terms.key):
            raise UserError(
                f"The variable ${terms.key} is not set. Put the service's key into it, or give method.terms.key=null."
            )
    if terms.most_cost is not None and not terms.price:
        raise UserError("method.terms.most_cost needs the price of an image: give method.terms.price.")
