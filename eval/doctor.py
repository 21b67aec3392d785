"""``python -m eval.doctor``: checks of this machine, with advice on everything that is missing."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.markup import escape
from rich.table import Table

from cli.command import command
from runtime.tables import open_console, print_table

ABOUT = "Says what this machine has and lacks (hardware, packages, weights, data), and how to get what is missing."


@command("doctor", ABOUT, "python -m eval.doctor")
def main(cfg: DictConfig) -> int:
    """Run the command.

    Returns:
        1 if the embedded default cannot run.
    """
    from eval.engine.doctor_checks import CHECKS

    console = open_console()
    needed = True
    for title, examine in CHECKS.items():
        table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
        mends = []
        for check in examine():
            sign = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "[yellow]–[/yellow]"}[check.there]
            table.add_row(sign, escape(check.what), escape(check.facts))
            needed = needed and check.there is not False
            if check.mend:
                mends.append(f"  {check.what}: {check.mend}")
        print_table(console, table)
        for mend in mends:
            console.print(escape(mend), soft_wrap=True)
        console.print()
    console.print(
        "The embedded default can run: make run"
        if needed
        else "[red]The embedded default cannot run; see ✗ above.[/red]"
    )
    return int(not needed)


if __name__ == "__main__":
    main()
