"""A service as a method, against a real server on loopback."""

from __future__ import annotations

import json

import numpy as np
import pytest
from omegaconf import OmegaConf

from baselines.edit_service import EditService
from baselines.endpoint import EndpointEditor
from baselines.service_terms import Terms
from cli.command import compose
from eval.runs.provenance import without_secrets
from tedbench.errors import PairError, UserError
from tedbench.pair import EditPair, Entry
from tests.baselines.service import edited, png, refused, serving

KEY = "sk-very-secret-0123456789"
SIDE = 16


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)


@pytest.fixture
def terms(tmp_path):
    return Terms("MY_KEY", 2, 1.0, None, None, None, str(tmp_path / "answers"))


@pytest.fixture
def ask(terms, noise_image):
    """Asks a service for an image of a command; waits are recorded in its attribute."""
    waits: list[float] = []

    def call(url, text="Make the dog sit.", number=0, fields=None, **changes):
        service = EditService(url, "mine", terms._replace(**changes), wait=waits.append)
        return service.edit(noise_image(0, SIDE), text, fields or {}, number)

    call.waits = waits
    return call


def test_an_answer_is_the_image_with_the_model_that_the_service_says_it_is(ask):
    with serving(lambda *_: edited(png((24, 16)))) as (url, bodies):
        answer = ask(url, fields={"size": "auto", "fast": True})
    assert answer.image.shape == (16, 24, 3) and answer.model == "mine-2026-11" and not answer.cached
    assert b'name="prompt"\r\n\r\nMake the dog sit.' in bodies[0] and b'name="model"\r\n\r\nmine' in bodies[0]
    assert b'name="fast"\r\n\r\ntrue' in bodies[0] and b"\x89PNG" in bodies[0]


def test_the_same_request_is_asked_for_once_and_any_other_anew(ask, tmp_path):
    with serving(lambda *_: edited()) as (url, bodies):
        first = ask(url)
        assert ask(url).cached and np.array_equal(ask(url).image, first.image) and len(bodies) == 1
        ask(url, text="Make it a cat."), ask(url, number=1), ask(url, fields={"size": "auto"})
        assert len(bodies) == 4
        for kept in (tmp_path / "answers").glob("*.image"):
            kept.write_bytes(b"damaged")
        assert not ask(url).cached and len(bodies) == 5


@pytest.mark.parametrize(
    ("trouble", "waits"),
    [
        (refused(429, "slow down", retry_after="7"), [7.0]),
        (refused(503), None),
        (refused(429, "slow down", retry_after="86400"), [120.0]),
        ("hang", None),
        ("close", None),
        ("cut", None),
        ((200, {}, b"{}"), None),
        ((200, {}, b"no json"), None),
        (edited(png()[:40]), None),
    ],
)
def test_what_passes_is_tried_again_after_a_wait(ask, trouble, waits):
    with serving(lambda number, *_: trouble if number == 0 else edited()) as (url, bodies):
        assert ask(url).image.shape == (16, 16, 3) and len(bodies) == 2
    assert ask.waits == waits if waits else 1 <= ask.waits[0] <= 2


def test_what_does_not_pass_fails_its_pair_in_one_line(ask):
    with serving(lambda *_: refused(503, "try\nlater")) as (url, bodies):
        with pytest.raises(PairError, match=r"^the service had no answer in 3 attempts: HTTP 503, try later$"):
            ask(url)
        assert len(bodies) == 3 and ask.waits[1] > ask.waits[0]
    with serving(lambda *_: refused(400, "blocked by moderation")) as (url, bodies):
        with pytest.raises(PairError, match=r"^the service refuses it: HTTP 400, blocked by moderation$"):
            ask(url)
        assert len(bodies) == 1
    with pytest.raises(PairError, match="no answer in 3 attempts: ConnectionError"):
        ask(url)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refused(401, f"Incorrect API key provided: {KEY}"), r"refuses the key \(HTTP 401, Incorrect API key provided: …\).*MY_KEY"),
        (refused(404, "no such model"), "no such address or model"),
        (refused(429, "You exceeded your current quota"), "no more quota"),
    ],
)  # fmt: skip
def test_what_every_image_would_get_stops_the_command(ask, answer, words):
    with serving(lambda *_: answer) as (url, bodies), pytest.raises(UserError, match=words) as caught:
        ask(url)
    assert not isinstance(caught.value, PairError) and len(bodies) == 1 and KEY not in str(caught.value)


def test_an_address_in_the_answer_is_fetched_without_the_key_and_from_nowhere_else(ask):
    def answer(number, body, headers):
        assert headers["authorization"] == f"Bearer {KEY}"
        where = f"http://{headers['host']}/a.png" if number == 0 else "http://example.invalid/a.png"
        return 200, {}, json.dumps({"data": [{"url": where}]}).encode()

    with serving(answer) as (url, _):
        assert ask(url).image.shape == (8, 8, 3) and ask(url).model == ""
        with pytest.raises(PairError, match="without a whole image"):
            ask(url, number=1)


def test_the_cost_ends_at_its_limit_and_failed_images_cost_nothing(ask):
    limits = {"price": 0.04, "most_cost": 0.1, "retries": 0}
    with serving(lambda number, *_: refused(500) if number == 1 else edited()) as (url, bodies):
        ask(url, **limits)
        with pytest.raises(PairError):
            ask(url, number=1, **limits)
        ask(url, number=2, **limits)
        with pytest.raises(UserError, match=r"most_cost=0.1: 0.08 is spent"):
            ask(url, number=3, **limits)
        assert ask(url, **limits).cached and len(bodies) == 3


def test_requests_keep_their_distance(ask):
    with serving(lambda *_: edited()) as (url, _):
        for number in range(3):
            ask(url, number=number, per_minute=30)
    assert ask.waits[0] == pytest.approx(2, abs=0.5) and ask.waits[1] == pytest.approx(4, abs=0.7)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "ftp://a"}, "no address of a service"),
        ({"url": "https://a/v1?key=b"}, "no address of a service"),
        ({"url": "https://me:secret@a/v1"}, "user name or password"),
        ({"model_name": None}, "model_name is empty"),
        ({"terms.key": KEY}, "must be the name of an environment variable"),
        ({"terms.key": "NOT_THERE"}, r"\$NOT_THERE is not set"),
        ({"terms.most_cost": 5}, "needs the price"),
        ({"terms.retries": -1}, r"method\.terms\.retries"),
        ({"text": "{nothing}"}, "no field 'nothing'"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(changes, words):
    options = [
        "method=endpoint",
        "method.url=http://127.0.0.1:1/v1",
        "method.model_name=mine",
        "method.terms.key=MY_KEY",
    ]
    method = OmegaConf.to_container(compose("run", options).method, resolve=True)
    for name, value in changes.items():
        *block, last = name.split(".")
        (method[block[0]] if block else method)[last] = value
    with pytest.raises(UserError, match=words) as caught:
        settings = {key: value for key, value in method.items() if key not in ("_target_", "name")}
        EndpointEditor.check_setup(settings, {})
        EndpointEditor.describe(settings)
    assert KEY not in str(caught.value)


def test_a_strength_and_a_seed_are_fields_of_the_form(terms, noise_image):
    entry = Entry("a.png", "A sitting dog.", instruction="Make the dog sit.")
    with serving(lambda *_: edited(png((40, 20)))) as (url, bodies):
        editor = EndpointEditor(
            url=url,
            model_name="mine",
            terms=terms._asdict(),
            axis={"argument": "guidance", "values": [1, 3]},
            seed_field="seed",
        )
        with editor.fit(EditPair(entry, noise_image(0, SIDE))) as edit:
            samples = list(edit.sample([(1.0, 0), (3.0, 1)]))
    assert [sample.image.shape for sample in samples] == [(SIDE, SIDE, 3)] * 2
    assert b'name="guidance"\r\n\r\n1.0' in bodies[0] and b'name="guidance"\r\n\r\n3.0' in bodies[1]
    seeds = [body.partition(b'name="seed"\r\n\r\n')[2].partition(b"\r\n")[0] for body in bodies]
    assert seeds[0] != seeds[1] and all(seed.isdigit() for seed in seeds)
    assert edit.returned()[1.0, 0] == ((40, 20), "cut")
    assert edit.facts() == {"service_models": ["mine-2026-11"], "kept_answers": 0}


def test_a_key_in_a_command_line_is_not_recorded():
    for option in (f"method.terms.key={KEY}", f"+method.fields.api_key='{KEY}'", f"text={KEY}", "my.token=abc"):
        shown = without_secrets(option)
        assert KEY not in shown and "abc" not in shown and "***" in shown
    assert without_secrets("method.terms.key=MY_KEY") == "method.terms.key=MY_KEY"
