"""``python -m eval.study.serve study=FOLDER``: the study's page on a server of one's own, which records the answers."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options
from tedbench.errors import UserError

if TYPE_CHECKING:
    from eval.study.server.seats import Seats
    from eval.study.sheets.public_sheets import PublicSheets

ABOUT = """\
Puts a study before raters without Mechanical Turk: the same page, for raters from Prolific, Connect or a lab. Each gets a
session and a link that resumes it; an answer is acknowledged once it is on the disk; raters who finish get the
completion code. A place that is not used for a while goes to another rater. Reads the study's public folder only: which
side is whose is not on the server. With export=FILE it writes the answers and ends, also while another one serves.
Needs pip install 'imagic-bench[serve]'."""

EXAMPLES = """
python -m eval.study.serve study=study                           # the lab: open http://127.0.0.1:8000/
python -m eval.study.serve study=study platform=prolific completion_code=C1A2B3C4
python -m eval.study.serve study=study export=answers.csv        # then: python -m eval.study.analyze answers=answers.csv ...
"""

DATABASE, SECRET = "answers.sqlite", "secret"
COLUMNS = ("study", "session", "screen", "rater", "submission", "choice", "ms")
"""Columns of the export, which :mod:`eval.study.answers.long_results` reads."""


@command("study_serve", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/study_serve.yaml`` has its options."""
    from eval.study.design.definition import PUBLIC
    from eval.study.options import output
    from eval.study.sheets.public_sheets import read_sheets

    settings = plain_options(cfg, {"study": "the study's folder"})
    study = Path(str(settings["study"])).expanduser()
    data = Path(str(settings["data"])).expanduser() if settings["data"] else study / "served"
    if data.resolve().is_relative_to((study / PUBLIC).resolve()):
        raise UserError(f"data={data} is in the public folder. Answers are not public: give another folder.")
    sheets = read_sheets(study / PUBLIC)
    if settings["export"]:
        if not (data / DATABASE).is_file():
            raise UserError(f"{data} has no answers. Give data=FOLDER, or start serving first.")
        export(open_seats(data, sheets, settings), sheets, output(Path(str(settings["export"])).expanduser(), "file"))
    else:
        serve(study, data, sheets, settings)


def open_seats(data: Path, sheets: PublicSheets, settings: dict[str, Any]) -> Seats:
    """Open the study's database, which is created if there is none.

    Args:
        data: its folder.
        sheets: of the study.
        settings: of ``conf/study_serve.yaml``.

    Raises:
        UserError: an option has an impossible value, or the database is another study's.
    """
    from eval.study.options import number_option, output, whole_option
    from eval.study.server.seats import Seats
    from eval.study.sheets.mturk import SESSION, STUDY

    given = settings["assignments"]
    places = sheets.assignments() if given is None else whole_option(settings, "assignments", 1, 10_000)
    lease = 60 * number_option(settings, "lease", 0.01, 1e5)
    if not data.exists():
        output(data, "folder").chmod(0o700)
    sessions = {cells[SESSION]: sheets.screens(cells) for cells in sheets.rows}
    return Seats(data / DATABASE, sheets.rows[0][STUDY], sessions, places, lease)


def serve(study: Path, data: Path, sheets: PublicSheets, settings: dict[str, Any]) -> None:
    """Serve until the process is stopped.

    Raises:
        UserError: an option has an impossible value, the port is taken, or uvicorn and Starlette are not installed.
    """
    try:
        import uvicorn

        from eval.study.server.serve_app import application
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is not installed. Run: pip install 'imagic-bench[serve]'.") from None
    from eval.study.design.definition import PRIVATE
    from eval.study.options import whole_option
    from eval.study.server.platforms import PLATFORMS
    from eval.study.server.rate_limit import RateLimit

    platform = PLATFORMS.get(str(settings["platform"]))
    if platform is None:
        raise UserError(f"platform={settings['platform']} does not exist. There are: {', '.join(PLATFORMS)}.")
    code = str(settings["completion_code"] or "")
    if not code and not platform.asks:
        raise UserError(f"completion_code is empty. Give the one that {platform.name} shows for the study.")
    limit = RateLimit(whole_option(settings, "per_minute", 1, 1_000_000))
    port, host = whole_option(settings, "port", 0, 65535), str(settings["host"])
    seats = open_seats(data, sheets, settings)
    app = application(sheets, seats, platform, code, limit, read_secret(data / SECRET))
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise UserError(f"host={host} port={port} cannot be used ({error.strerror}). Give others, or port=0.") from None
    if (study / PRIVATE).exists():
        print(f"{study / PRIVATE} is not read. On a machine that others can reach, put the public folder only.")
    shown = f"[{host}]" if ":" in host else host
    print(f"http://{shown}:{listening.getsockname()[1]}/{platform.query}", flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[listening])
    seats.close()


def read_secret(file: Path) -> bytes:
    """Return the 32 bytes that sign the sessions' links, drawn on the first call.

    Raises:
        UserError: the file holds something else.
    """
    import os
    import secrets

    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        secret = file.read_text()
        if len(secret) != 64 or set(secret) - set("0123456789abcdef"):
            raise UserError(
                f"{file} is damaged. Delete it: raters then come back by the link that they came by."
            ) from None
        return bytes.fromhex(secret)
    with open(descriptor, "w") as opened:
        opened.write(secrets.token_hex(32))
    return read_secret(file)


def export(seats: Seats, sheets: PublicSheets, out: Path) -> None:
    """Write every answer as the long CSV; raters under the platform's ids.

    Args:
        seats: the database.
        sheets: of the study.
        out: the file.
    """
    import csv

    from eval.study.sheets.mturk import STUDY
    from tedbench.disk import writing

    tag, submissions, count = sheets.rows[0][STUDY], set(), 0
    with writing(out), open(out, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for a in seats.given():
            writer.writerow((tag, a.session, a.screen, a.participant, a.seat, a.choice, a.ms))
            submissions.add(a.seat)
            count += 1
    print(f"{count} answers in {len(submissions)} submissions")
    print(out, flush=True)


if __name__ == "__main__":
    main()
