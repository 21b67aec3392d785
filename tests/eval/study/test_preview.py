"""The page that raters see, in the preview: served from this machine alone, and worked in a real browser."""

from __future__ import annotations

import shutil
import threading
import time
import urllib.request
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest

from eval.study.design.definition import read_study
from eval.study.prepare import main as prepare
from eval.study.preview import main, open_server

from .parts import TEXTS, call, make_run

SCREENS = 7


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two sessions of a study that offers ties, on hostile texts, whose sheets point to a server that is not there."""
    folder = tmp_path_factory.mktemp("preview")
    runs = [make_run(folder / name, name, i) for i, name in enumerate(("imagic", "sdedit"))]
    listed = f"runs=[{','.join(str(run.folder) for run in runs)}]"
    small = ["sessions=2", "screens=6", "practice=1", "ties=true", "url=https://images.invalid/s", "assignments=1"]
    (folder / "consent.txt").write_text("<i>I</i> agree to ${left_01}.\n\n&amp; more")
    words = ['title="<b>Compare</b>"', f"consent={folder / 'consent.txt'}"]
    assert call(prepare, listed, f"out={folder / 'study'}", *small, *words) == 0
    return folder / "study"


@contextmanager
def serving(study):
    with open_server(study, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def address(study):
    with serving(study) as address:
        yield address


def get(url, data=None, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        return answer.read().decode("utf-8", "replace"), answer.headers


def test_the_page_is_marked_and_may_load_nothing_from_outside(address, study):
    page, headers = get(address)
    assert "Nothing is recorded" in page and "images.invalid" not in page
    assert "&#60;b&#62;Compare" in page and "<b>Compare" not in page
    assert "&#60;i&#62;I&#60;/i&#62; agree to &#36;&#123;left_01&#125;." in page and "&#38;amp; more" in page
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src 'self'") and "unsafe" not in policy and "http" not in policy
    first = read_study(study).sessions[0].screens[0].left_image
    assert get(f"{address}/images/{first}")[1]["Content-Type"] == "image/jpeg"
    assert read_study(study).sessions[1].screens[0].id not in page
    assert get(f"{address}/?session=2")[0] != page and 'value="1"' in get(f"{address}/?session=nine")[0]


def test_only_this_machines_own_address_and_only_public_files_are_answered(address):
    for path, headers, status in (
        ("/", {"Host": "evil.example"}, 403),
        ("/private/definition.json", {}, 404),
        ("/images/../../private/secret", {}, 404),
        ("/images/%2e%2e/template.html", {}, 404),
        ("/images/", {}, 404),
    ):
        with pytest.raises(HTTPError) as refused:
            get(address + path, **headers)
        assert refused.value.code == status


def test_what_would_be_sent_is_shown_as_text_and_kept_nowhere(address, study):
    before = sorted((path, path.stat().st_mtime) for path in study.rglob("*"))
    page, _ = get(address, urlencode({"choice_01": "<i>left</i>", "ms_01": ""}).encode())
    assert "was not recorded" in page and "&lt;i&gt;left&lt;/i&gt;" in page and "<i>left" not in page
    assert sorted((path, path.stat().st_mtime) for path in study.rglob("*")) == before


def test_the_public_folder_is_enough(study, tmp_path):
    shutil.copytree(study / "public", tmp_path / "public")
    with serving(tmp_path) as address:
        assert "Nothing is recorded" in get(address)[0]


def test_what_cannot_be_shown_says_why(study, tmp_path, capsys, address):
    assert call(main) == 2 and "study is empty" in capsys.readouterr().err
    assert call(main, f"study={tmp_path}") == 2 and "is not a study's" in capsys.readouterr().err
    assert call(main, f"study={study}", "port=99999") == 2 and "from 0 to 65535" in capsys.readouterr().err
    assert call(main, f"study={study}", f"port={address.rpartition(':')[2]}") == 2
    assert "Give another port" in capsys.readouterr().err


@pytest.fixture
def opened(browser, address):
    """Opens a page of a size; whatever goes wrong in it, or leaves this machine, fails the test."""
    contexts, wrong = [], []

    def open_page(width=1280, height=800, path="/", **how):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **how))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
        page.on("request", lambda request: None if request.url.startswith(address) else wrong.append(request.url))
        page.goto(address + path)
        return page

    yield open_page
    assert wrong == []
    for context in contexts:
        context.close()


def ready(page):
    page.wait_for_selector(".now input[type=radio]:enabled")


def start(page):
    page.click("#start")
    ready(page)


@pytest.mark.slow
def test_a_session_is_answered_with_keys_and_each_answer_has_its_time(opened):
    page = opened()
    start(page)
    assert page.title() == "Preview, not recorded"
    for place, key in enumerate(["ArrowLeft", "ArrowRight", "ArrowDown"] * 3):
        if place == SCREENS:
            break
        ready(page)
        assert page.inner_text(".now .bar span").startswith(f"{place + 1} of {SCREENS}")
        assert ("Practice" in page.inner_text(".now .bar")) == (place == 0)
        page.keyboard.press("Enter")  # nothing is chosen: stays
        assert page.locator(".now .next").is_disabled() and not page.is_visible("#submitButton")
        page.wait_for_timeout(30)
        page.keyboard.press(key)
        page.keyboard.press("Enter")
    assert "All 7 screens are answered" in page.inner_text(".now") and page.url.endswith("/")  # Enter did not send
    page.click("#submitButton")
    cells = page.locator(".sent td").all_inner_texts()
    sent = dict(zip(cells[::2], cells[1::2], strict=True))
    assert [sent[f"choice_{n:02d}"] for n in range(1, 8)] == (["left", "right", "tie"] * 3)[:7]
    assert all(30 <= int(sent[f"ms_{n:02d}"]) < 60_000 for n in range(1, 8)) and len(sent) == 14


@pytest.mark.slow
def test_pictures_and_buttons_choose_and_the_last_choice_counts(opened):
    page = opened(400, 800, has_touch=True)
    start(page)
    page.locator(".now .left img").tap()
    assert page.locator(".now .left input").is_checked()
    first = int(page.locator(".now [name=ms_01]").input_value())
    page.wait_for_timeout(50)
    page.locator(".now .right .button").tap()
    assert page.locator(".now .right input").is_checked() and not page.locator(".now .left input").is_checked()
    assert int(page.locator(".now [name=ms_01]").input_value()) >= first + 50
    page.locator(".now .next").tap()
    ready(page)
    assert page.get_attribute(".now", "data-place") == "2"
    page.reload()
    start(page)
    assert page.get_attribute(".now", "data-place") == "1" and page.locator(".now :checked").count() == 0


@pytest.mark.slow
def test_the_clock_starts_when_the_last_picture_is_there(opened, study):
    page = opened(path="/?session=2")
    slow = read_study(study).sessions[1].screens[0].right_image

    held = []
    page.route(f"**/{slow}", lambda route: held.append(route))  # noqa: PLW0108 -- Playwright takes no builtin
    began = time.monotonic()
    page.click("#start")
    page.wait_for_selector(".now .loading:not([hidden])")
    assert not page.is_visible(".now .left img")
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(500)
    held[0].continue_()
    ready(page)
    assert time.monotonic() - began >= 0.5 and page.locator(".now :checked").count() == 0
    page.keyboard.press("ArrowLeft")
    whole = 1000 * (time.monotonic() - began)
    assert int(page.locator(".now [name=ms_01]").input_value()) <= whole - 500


@pytest.mark.slow
def test_a_picture_that_does_not_load_can_be_asked_for_again(opened, study):
    page = opened(path="/?session=2")
    name = read_study(study).sessions[1].screens[0].left_image
    page.route(f"**/{name}", lambda route: route.abort())
    page.click("#start")
    page.wait_for_selector(".now .failed:not([hidden])")
    assert page.locator(".now input[type=radio]:enabled").count() == 0
    page.unroute(f"**/{name}")
    page.click(".now .again")
    ready(page)
    assert not page.is_visible(".now .failed")


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(400, 800), (1280, 800), (360, 640)])
def test_a_screen_fits_and_hostile_texts_are_plain(opened, width, height):
    page = opened(width, height)
    start(page)
    texts = page.eval_on_selector_all(".text bdi", "all => all.map(one => one.textContent)")
    assert set(texts) <= set(TEXTS) and len(texts) == SCREENS
    for _ in range(SCREENS):
        ready(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sides = page.eval_on_selector_all(
            ".now .pictures img", "all => all.map(one => one.getBoundingClientRect().toJSON())"
        )
        assert all(
            abs(box["width"] - box["height"]) < 1 and box["left"] >= 0 and box["right"] <= width for box in sides
        )
        left, right = (page.locator(f".now .{side} .button").bounding_box() for side in ("left", "right"))
        assert left["x"] < right["x"] and min(left["height"], right["height"]) >= 48
        assert page.locator(".now .button").first.is_visible()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
    assert page.title() == "Preview, not recorded"


@pytest.mark.slow
def test_without_scripts_every_screen_can_be_answered_and_must_be(opened):
    page = opened(java_script_enabled=False)
    assert page.locator(".screen").count() == page.locator(".screen:visible").count() == SCREENS
    for n in range(1, SCREENS):
        page.check(f"[name=choice_{n:02d}][value=right]")
    page.click("#submitButton")
    assert page.is_visible("#submitButton")  # the last is not answered: the browser does not send
    page.check(f"[name=choice_{SCREENS:02d}][value=tie]")
    page.click("#submitButton")
    assert "was not recorded" in page.inner_text("h1")
