"""The study server: real requests to a real server, a rater in a real browser, kill -9, and fifty raters at once."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

import pytest

from eval.study.analyze import analyze
from eval.study.design.definition import read_study
from eval.study.prepare import main as prepare
from eval.study.serve import export, main, open_seats, read_secret
from eval.study.server.seats import Answer, Seats
from eval.study.sheets.public_sheets import read_sheets

from .parts import TEXTS, call, make_run

SCREENS = 6
SETTINGS = {"assignments": None, "lease": 60}
SERVE = [sys.executable, "-m", "eval.study.serve"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Two sessions of six screens for two raters each, on hostile texts."""
    folder = tmp_path_factory.mktemp("serve")
    runs = [make_run(folder / name, name, i) for i, name in enumerate(("imagic", "sdedit"))]
    listed = f"runs=[{','.join(str(run.folder) for run in runs)}]"
    assert call(prepare, listed, f"out={folder / 'study'}", "sessions=2", f"screens={SCREENS}", "assignments=2") == 0
    return folder / "study"


@pytest.fixture
def study(prepared, tmp_path):
    """The public folder alone, as on a server."""
    shutil.copytree(prepared / "public", tmp_path / "study" / "public")
    return tmp_path / "study"


@contextmanager
def serving(study, platform="lab", code="", per_minute=100_000, **settings):
    """A server in this process; gives its address."""
    uvicorn = pytest.importorskip("uvicorn", reason="needs pip install -e '.[serve]'")
    from eval.study.server.platforms import PLATFORMS
    from eval.study.server.rate_limit import RateLimit
    from eval.study.server.serve_app import application

    sheets, data = read_sheets(study / "public"), study / "served"
    seats = open_seats(data, sheets, SETTINGS | settings)
    secret = read_secret(data / "secret")
    app = application(sheets, seats, PLATFORMS[platform], code, RateLimit(per_minute), secret)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        seats.close()


@contextmanager
def process(study, *arguments):
    """A server in a process of its own; gives the process and its address."""
    pytest.importorskip("uvicorn", reason="needs pip install -e '.[serve]'")
    command = [*SERVE, f"study={study}", "port=0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield (
                running,
                next(line for line in running.stdout if line.startswith("http")).strip().partition("/?")[0].rstrip("/"),
            )
        finally:
            running.kill()


def ask(url, fields=None, **headers):
    """Status, page, address in the end and headers of an answer; redirections are followed."""
    data = None if fields is None else urlencode(fields).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
            return answer.status, answer.read().decode("utf-8", "replace"), answer.url, answer.headers
    except HTTPError as error:
        return error.code, error.read().decode(), error.url, error.headers


def arrive(address, participant):
    """The address of a participant's session in the lab."""
    status, page, url, _ = ask(f"{address}/?participant={participant}")
    assert status == 200 and "/session/" in url, page
    return url


def exported(study, file):
    """What has been answered, as rows."""
    sheets = read_sheets(study / "public")
    seats = open_seats(study / "served", sheets, SETTINGS)
    export(seats, sheets, file)
    seats.close()
    with open(file, encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def places(page):
    return [int(place) for place in re.findall(r'class="screen" data-place="(\d+)"', page)]


def screens(choice="left"):
    return {f"choice_{n:02d}": choice for n in range(1, SCREENS + 1)} | {f"ms_{n:02d}": "900" for n in range(1, 7)}


def test_a_session_is_answered_resumed_by_its_link_or_id_and_ends_with_the_code(study, prepared, tmp_path):
    with serving(study, "prolific", "C1A2B3") as address:
        first = f"{address}/?PROLIFIC_PID=5f0c&STUDY_ID=1&SESSION_ID=2"
        status, page, link, headers = ask(first)
        assert status == 200 and places(page) == [1, 2, 3, 4, 5, 6] and "C1A2B3" not in page
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; img-src 'self'") and "unsafe" not in policy
        assert all(text not in page for text in TEXTS if "<" in text or "$" in text)
        for image in set(re.findall(r'src="(/images/[^"]+)"', page)):
            assert ask(address + image)[3]["Content-Type"] == "image/jpeg"
        for n in (1, 2):
            fields = {f"choice_{n:02d}": "right", f"ms_{n:02d}": "1500", f"ms_{n + 1:02d}": ""}
            assert ask(f"{link}/answers", fields)[0] == 204
    with serving(study, "prolific", "C1A2B3") as again:  # a new server, the same answers and links
        link = again + link.removeprefix(address)
        for url in (link, first.replace(address, again)):
            status, page, where, _ = ask(url)
            assert places(page) == [3, 4, 5, 6] and where == link
        status, page, _, _ = ask(link, screens("left"))
        assert "C1A2B3" in page and 'href="https://app.prolific.com/submissions/complete?cc=C1A2B3"' in page
        assert "C1A2B3" in ask(link)[1]
    rows = exported(study, tmp_path / "answers.csv")
    assert [row["choice"] for row in rows].count("right") == 2 and len(rows) == SCREENS
    assert {row["rater"] for row in rows} == {"5f0c"}
    whole = next(s for s in read_study(prepared).sessions if s.id == rows[0]["session"])
    answers = {row["screen"]: row["choice"] for row in rows}
    assert [answers[screen.id] for screen in whole.screens] == ["right"] * 2 + ["left"] * 4


def test_what_raters_answer_is_what_analyze_reads(study, prepared, tmp_path):
    definition = read_study(prepared)
    methods = {
        session.id: {
            n: s.ours_side if s.kind == "main" or s.kind == "repeat" else "left"
            for n, s in enumerate(session.screens, 1)
        }
        for session in definition.sessions
    }
    with serving(study) as address:
        for rater in range(4):
            link = arrive(address, f"R{rater}")
            page = ask(link)[1]
            session = next(
                s.id for s in definition.sessions if s.screens[0].left_image in page
            )  # the rater sees no id: who prefers ours is told its side here
            sides = methods[session]
            assert "recorded" in ask(link, {f"choice_{n:02d}": side for n, side in sides.items()})[1]
    exported(study, tmp_path / "answers.csv")
    summary = analyze([tmp_path / "answers.csv"], prepared, tmp_path)
    assert summary["submissions"]["kept"] == 4 and summary["preferences"][0]["share"] == 1


def test_an_answer_sent_twice_counts_once_and_another_one_later_changes_nothing(study, tmp_path):
    with serving(study) as address:
        link = arrive(address, "a")
        for choice in ("left", "left", "right"):
            assert ask(f"{link}/answers", {"choice_01": choice, "ms_01": "5"})[0] == 204
        with ThreadPoolExecutor(8) as pool:
            posts = [pool.submit(ask, f"{link}/answers", screens("right")) for _ in range(8)]
        assert [post.result()[0] for post in posts] == [204] * 8
    rows = exported(study, tmp_path / "answers.csv")
    assert Counter(row["choice"] for row in rows) == {"left": 1, "right": SCREENS - 1}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"choice_07": "left"}, 400),
        ({"choice_1": "left"}, 400),
        ({"choice_00": "left"}, 400),
        ({"choice_²": "left"}, 400),
        ({"choice_01": "tie"}, 400),
        ({"choice_01": "left", "ms_01": "-1"}, 400),
        ({"choice_01": "left", "ms_01": "9" * 12}, 400),
        ({"choice_01": "left", "choice_02": "=cmd()"}, 400),
        ({"screen_01": "x"}, 400),
        ({"ms_01": "9" * 70_000}, 413),
    ],
)
def test_what_the_page_does_not_offer_is_refused_whole(study, tmp_path, fields, status):
    with serving(study) as address:
        link = arrive(address, "a")
        assert ask(f"{link}/answers", {"choice_03": "left", **fields})[0] == status
        assert places(ask(link)[1]) == [1, 2, 3, 4, 5, 6]
    assert exported(study, tmp_path / "answers.csv") == []


def test_nobody_answers_for_another(study, tmp_path):
    with serving(study) as address:
        one, other = arrive(address, "one"), arrive(address, "other")
        (id, signature), (other_id, _) = (link.rpartition("/")[2].split(".") for link in (one, other))
        for token in (f"{other_id}.{signature}", id, f"{id}.", f"{id}.{'0' * 32}", "é.x"):
            url = f"{address}/session/{urllib.request.quote(token)}"
            assert ask(url)[0] == 404 and ask(f"{url}/answers", {"choice_01": "left"})[0] == 404
        assert one.rpartition("/")[2] not in ask(other)[1]
        assert ask(f"{one}/answers", {"choice_01": "left"})[0] == 204
    assert [row["rater"] for row in exported(study, tmp_path / "answers.csv")] == ["one"]


def test_only_the_pictures_that_are_shown_are_served(study):
    (study / "public" / "images" / "else.jpg").write_bytes(b"no")
    with serving(study) as address:
        for path in ("/images/else.jpg", "/images/../hit_settings.json", "/images/%2e%2e%2ftemplate.html", "/served"):
            assert ask(address + path)[0] == 404


def test_raters_are_shared_evenly_and_full_is_full(study):
    with serving(study, "connect", "X") as address:
        links = [ask(f"{address}/?participantId=P{n}")[2] for n in range(4)]
        assert len(set(links)) == 4
        pages = [re.findall(r'src="(/images/[^"]+)"', ask(link)[1])[0] for link in links]
        assert sorted(Counter(pages).values()) == [2, 2]
        status, page, _, _ = ask(f"{address}/?participantId=P4")
        assert status == 503 and "All places are taken" in page
        assert ask(f"{address}/?participantId=P0")[2] == links[0]
        assert ask(f"{address}/")[0] == 400 and ask(f"{address}/?participantId=%3Cb%3E")[0] == 400
        assert "Please enter it where you came from" in ask(links[0], screens())[1]


def test_the_lab_asks_who_you_are(study):
    with serving(study) as address:
        status, page, _, _ = ask(address)
        assert status == 200 and 'name="participant"' in page


@pytest.mark.parametrize(
    ("id", "why"),
    [
        ("anna@example.org", "it has “@” in it"),
        ("two words", "it has a space in it"),
        ("a\u200bb", "it has an invisible character in it"),
        ("<b>", "it has “&lt;” in it"),
        ("_7", "it begins with &#39;_&#39; instead of a letter or digit"),
        ("9" * 65, "it has 65 characters, and at most 64 are possible"),
        ("{{%PROLIFIC_PID%}}", "it is a placeholder that the platform did not fill in"),
    ],
)
def test_a_participant_whose_id_is_refused_is_told_why_and_what_to_do_and_so_is_who_runs_the_server(
    id, why, study, capfd
):
    with serving(study) as address:
        for _ in "twice"[:2]:
            status, page, _, _ = ask(f"{address}/?{urlencode({'participant': id})}")
            assert status == 400 and f"Your participant id cannot be used: {why}" in page, page
            assert "please type it as it was given to you, or ask" in page and 'name="participant"' in page
        shown = ascii(id[:65])
    refused = [line for line in capfd.readouterr().err.splitlines() if line.startswith("A participant was refused: ")]
    assert len(refused) == 1 and refused[0].startswith(f"A participant was refused: participant {shown} (it ")


def test_on_a_platform_a_refused_participant_is_sent_back_to_its_link(study, capfd):
    with serving(study, "prolific", "C1") as address:
        status, page, _, _ = ask(f"{address}/?PROLIFIC_PID=a.b")
        assert status == 400 and "it has “.” in it" in page and "open the study by its link on Prolific again" in page
        assert "<form" not in page
        status, page, _, _ = ask(f"{address}/?participant=P1")
        assert status == 400 and "by its link on Prolific: the address has no PROLIFIC_PID." in page
        assert ask(f"{address}/?PROLIFIC_PID=5e9088a8a4b6ed018b45ba7b")[0] == 200
        for n in range(150):
            ask(f"{address}/?PROLIFIC_PID=a.{n}")
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("A participant was refused: ")]
    assert "A participant was refused: no PROLIFIC_PID (it is empty)." in lines and len(lines) == 100


def test_capitals_make_no_second_participant(study, tmp_path):
    with serving(study) as address:
        link = arrive(address, "Anna")
        assert arrive(address, "anna") == arrive(address, "ANNA") == link != arrive(address, "Anne")
        ask(f"{link}/answers", {"choice_01": "left"})
    assert {row["rater"] for row in exported(study, tmp_path / "answers.csv")} == {"Anna"}


def test_a_place_that_is_not_used_goes_to_another_rater(study, tmp_path):
    with serving(study, assignments=1, lease=0.02) as address:  # 1.2 seconds
        slow, gone = arrive(address, "slow"), arrive(address, "gone")
        assert ask(f"{gone}/answers", {"choice_01": "left"})[0] == 204
        assert ask(f"{address}/?participant=new")[0] == 503
        for _ in range(4):  # who answers keeps their place
            time.sleep(0.4)
            assert ask(f"{slow}/answers", {"choice_01": "left"})[0] == 204
        new = arrive(address, "new")
        status, page, _, _ = ask(f"{gone}/answers", {"choice_02": "left"})
        assert status == 410 and "somebody else needed your place" in page and ask(gone)[0] == 410
        assert "recorded" in ask(new, screens())[1]
        time.sleep(1.3)
        assert ask(slow)[0] == 200  # expired, but nobody has come
        assert ask(new)[0] == 200 and ask(f"{address}/?participant=later")[0] == 503
    rows = exported(study, tmp_path / "answers.csv")
    assert Counter(row["rater"] for row in rows) == {"slow": 1, "gone": 1, "new": SCREENS}


def test_who_asks_too_often_waits_and_others_do_not(study):
    with serving(study, per_minute=5) as address:
        link, other = arrive(address, "a"), arrive(address, "b")
        statuses = [ask(f"{link}/answers", {"choice_01": "left"})[0] for _ in range(8)]
        assert statuses[:3] == [204] * 3 and statuses[-1] == 429
        assert ask(f"{link}/answers", {})[3]["Retry-After"] == "60"
        assert ask(f"{other}/answers", {"choice_01": "left"})[0] == 204
        guesses = [ask(f"{address}/session/{n:016x}.{n:032x}")[0] for n in range(6)]
        assert guesses[0] == 404 and guesses[-1] == 429


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(study, tmp_path):
    acknowledged = set()

    def rate(rater, address):
        try:
            link = arrive(address, f"R{rater}")
            for n in range(1, SCREENS + 1):
                if ask(f"{link}/answers", {f"choice_{n:02d}": "left", f"ms_{n:02d}": f"{rater}{n}"})[0] == 204:
                    acknowledged.add((f"R{rater}", f"{rater}{n}"))
        except (URLError, OSError):
            return

    with process(study, "assignments=20") as (running, address), ThreadPoolExecutor(8) as pool:
        for rater in range(40):
            pool.submit(rate, rater, address)
        while len(acknowledged) < 40:
            time.sleep(0.001)
        running.send_signal(signal.SIGKILL)
    assert 40 <= len(acknowledged) < 40 * SCREENS
    rows = exported(study, tmp_path / "answers.csv")
    written = [(row["rater"], row["ms"]) for row in rows]
    assert acknowledged <= set(written) and len(set(written)) == len(written)
    with process(study, "assignments=20") as (_, address):
        left = places(ask(f"{address}/?participant=R0")[1])
        assert len(left) + sum(row["rater"] == "R0" for row in rows) == SCREENS


def load(address, study, raters):
    """Many raters at once, each on a session, with a double post on every screen; what each has answered."""
    shown = {cells["left_01"]: cells for cells in read_sheets(study / "public").rows}

    def rate(rater):
        link, given = arrive(address, f"R{rater}"), {}
        page = ask(link)[1]
        cells = shown[re.search(r'class="option left"><img src="([^"]+)"', page)[1]]
        for n in range(1, SCREENS + 1):
            choice = ("left", "right")[(rater + n) % 2]
            given[cells["session"], cells[f"screen_{n:02d}"]] = choice, f"{rater * 100 + n}"
            fields = {f"choice_{n:02d}": choice, f"ms_{n:02d}": f"{rater * 100 + n}"}
            assert [ask(f"{link}/answers", fields)[0] for _ in "twice"[:2]] == [204, 204]
        assert "recorded" in ask(link, {})[1]
        return given

    with ThreadPoolExecutor(raters) as pool:
        return {f"R{n}": given for n, given in enumerate(pool.map(rate, range(raters)))}


@pytest.mark.slow
def test_fifty_raters_at_once_lose_double_and_mix_up_nothing(study, tmp_path):
    with process(study, "assignments=25") as (_, address):
        given = load(address, study, 50)
        assert ask(f"{address}/?participant=late")[0] == 503
    rows = exported(study, tmp_path / "answers.csv")
    assert len(rows) == 50 * SCREENS
    assert {(r["rater"], r["session"], r["screen"], r["choice"], r["ms"]) for r in rows} == {
        (rater, *key, *value) for rater, answers in given.items() for key, value in answers.items()
    }
    assert sorted(Counter(r["session"] for r in rows).values()) == [25 * SCREENS] * 2


def test_answers_can_be_exported_while_the_server_runs(study, tmp_path, capsys):
    with process(study) as (_, address):
        assert ask(f"{arrive(address, 'a')}/answers", {"choice_01": "left"})[0] == 204
        assert call(main, f"study={study}", f"export={tmp_path / 'out.csv'}") == 0
    assert capsys.readouterr().out.splitlines() == ["1 answers in 1 submissions", str(tmp_path / "out.csv")]
    assert (study / "served").stat().st_mode & 0o777 == 0o700
    assert (study / "served" / "secret").stat().st_mode & 0o777 == 0o600


def test_the_key_is_never_opened(prepared, study):
    """The server says that the private folder is there, and opens nothing in it."""
    shutil.copytree(prepared / "private", study / "private")
    code = (
        "import sys, runpy\n"
        "def hear(event, given):\n"
        "    if event in ('open', 'os.listdir') and 'private' in str(given[0]): print('opened', given[0], flush=True)\n"
        "sys.addaudithook(hear)\n"
        "runpy.run_module('eval.study.serve', run_name='__main__')\n"
    )
    pytest.importorskip("uvicorn", reason="needs pip install -e '.[serve]'")
    with subprocess.Popen(
        [sys.executable, "-c", code, f"study={study}", "port=0"], stdout=subprocess.PIPE, text=True
    ) as p:
        said, address = p.stdout.readline(), p.stdout.readline().strip()
        assert "is not read" in said and "recorded" in ask(arrive(address[:-1], "a"), screens())[1]
        p.send_signal(signal.SIGINT)
        assert p.stdout.read() == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["platform=mturk"], "There are: prolific, connect, lab"),
        (["platform=prolific"], "completion_code is empty"),
        (["port=99999"], "port is 99999"),
        (["per_minute=0"], "per_minute is 0"),
        (["lease=0"], "lease is 0"),
        (["assignments=0"], "assignments is 0"),
        (["export=x.csv"], "has no answers"),
        (["host=192.0.2.1"], "cannot be used"),
    ],
)
def test_what_cannot_be_served_says_why(study, capsys, arguments, said):
    pytest.importorskip("uvicorn", reason="needs pip install -e '.[serve]'")
    assert call(main, f"study={study}", *arguments) == 2 and said in capsys.readouterr().err


def test_answers_stay_out_of_the_public_folder_and_with_their_own_study(study, tmp_path, capsys):
    assert call(main, f"study={study}", f"data={study / 'public' / 'x'}") == 2
    assert "Answers are not public" in capsys.readouterr().err
    assert call(main, f"study={tmp_path / 'none'}") == 2 and "is not a study's" in capsys.readouterr().err
    Seats(tmp_path / "a.sqlite", "aaaa", {"s": ["x"]}, 1, 60).close()
    with pytest.raises(Exception, match="answers to study aaaa"):
        Seats(tmp_path / "a.sqlite", "bbbb", {"s": ["x"]}, 1, 60)
    (tmp_path / "b.sqlite").write_text("no database at all, but long enough to be taken for a header " * 20)
    with pytest.raises(Exception, match="cannot be used"):
        Seats(tmp_path / "b.sqlite", "bbbb", {"s": ["x"]}, 1, 60)


def test_a_secret_that_was_cut_short_signs_nothing(tmp_path):
    whole = read_secret(tmp_path / "secret")
    assert len(whole) == 32 and read_secret(tmp_path / "secret") == whole
    (tmp_path / "secret").write_text("")
    with pytest.raises(Exception, match="is damaged"):
        read_secret(tmp_path / "secret")


def test_an_answer_to_no_screen_leaves_nothing_behind(tmp_path):
    seats = Seats(tmp_path / "a.sqlite", "aaaa", {"s": ["x", "y"]}, 1, 60)
    seat = seats.take("p")
    with pytest.raises(KeyError):
        seats.record(seat.id, {1: Answer("left", ""), 3: Answer("left", "")})
    assert seats.answered(seat.id) == set() and seats.record("nobody", {1: Answer("left", "")}) is None
    assert seats.record(seat.id, {1: Answer("left", ""), 2: Answer("right", "7")}).finished
    assert [given.choice for given in seats.given()] == ["left", "right"]


@pytest.mark.slow
def test_a_rater_in_a_browser_is_interrupted_and_goes_on(browser, study, tmp_path):
    wrong = []
    with serving(study, code="DONE42") as address:
        page = browser.new_page(viewport={"width": 400, "height": 800})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
        page.on("request", lambda request: None if request.url.startswith(address) else wrong.append(request.url))

        def answer(count, key):
            page.click("#start")
            for _ in range(count):
                page.wait_for_selector(".now input[type=radio]:enabled")
                page.keyboard.press(key)
                with page.expect_response("**/answers"):
                    page.keyboard.press("Enter")

        page.goto(address)
        page.fill("input", "lab-7")
        page.click("button")
        answer(2, "ArrowLeft")
        texts = page.eval_on_selector_all(".text bdi", "all => all.map(one => one.textContent)")
        assert set(texts) <= set(TEXTS)
        page.goto("about:blank")
        page.goto(f"{address}/?participant=lab-7")
        assert page.locator(".screen").count() == SCREENS - 2
        answer(SCREENS - 2, "ArrowRight")
        page.click("#submitButton")
        assert page.inner_text(".code") == "DONE42"
        page.close()
    assert [w for w in wrong if w != "about:blank"] == []
    rows = exported(study, tmp_path / "answers.csv")
    assert Counter(row["choice"] for row in rows) == {"left": 2, "right": SCREENS - 2}
    assert all(0 < int(row["ms"]) < 60_000 for row in rows)


def test_the_reward_settings_say_how_many_raters(study):
    assert read_sheets(study / "public").assignments() == 2
    (study / "public" / "hit_settings.json").write_text(json.dumps([]))
    with pytest.raises(Exception, match="Give assignments=NUMBER"):
        read_sheets(Path(study) / "public").assignments()
