"""The commands, put together; errors of every command become one line and an exit code here."""

import os
from collections.abc import Sequence
from contextlib import suppress

import typer

from remediate.cli import (
    applying,
    approving,
    auditing,
    braking,
    checking,
    doctoring,
    escalating,
    examining,
    forgetting,
    healing,
    library,
    locks,
    planning,
    putting_back,
    records,
    resuming,
    running,
    sql,
    streams,
    triaging,
    watching,
)
from remediate.cli.exit_codes import DECLINED, FAILED, STUCK, USAGE, code_of_error
from remediate.errors import RemediateError

INTERRUPTED = 130
"""What typer returns when KeyboardInterrupt ended a command."""

app = typer.Typer(
    name="remediate",
    help="Diagnose, confirm, fix, verify: a remediation runner with a true dry run and a way back.",
    epilog="Exit codes: 0 healthy or fixed, 1 failed and rolled back, 2 wrong usage, 3 dry run: there is something to"
    " do, 4 declined, 5 stale plan, 6 blocked, 7 stuck: a person is needed, 8 unhealthy and no cure.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.command("check", rich_help_panel="Library")(checking.check)
app.command("list", rich_help_panel="Library")(library.list_playbooks)
app.command("explain", rich_help_panel="Library")(library.explain)
app.command("schema", rich_help_panel="Library")(library.schema)
app.command("doctor", rich_help_panel="Looking")(doctoring.doctor)
app.command("triage", rich_help_panel="Looking")(triaging.triage)
for tool, told in examining.TOOLS.items():
    app.command(tool, help=told, rich_help_panel="Looking")(examining.command_of(tool))
app.add_typer(sql.sql, name="sql", rich_help_panel="Looking")
app.command("plan", rich_help_panel="Looking")(planning.plan)
app.command("approve", rich_help_panel="Looking")(approving.approve)
app.command("apply", rich_help_panel="Changing")(applying.apply)
app.command("run", rich_help_panel="Changing")(running.run)
app.command("resume", rich_help_panel="Changing")(resuming.resume)
app.command("rollback", rich_help_panel="Changing")(putting_back.rollback)
app.command("heal", rich_help_panel="Without a person")(healing.heal)
app.command("stop", rich_help_panel="Without a person")(braking.stop)
app.command("start", rich_help_panel="Without a person")(braking.start)
app.add_typer(braking.breaker, name="breaker", rich_help_panel="Without a person")
app.command("forget", rich_help_panel="Changing")(forgetting.forget)
app.command("watch", rich_help_panel="Changing")(watching.watch)
app.command("hold", rich_help_panel="Locks")(locks.hold)
app.command("unlock", rich_help_panel="Locks")(locks.unlock)
app.command("escalate", rich_help_panel="Records")(escalating.escalate)
app.command("runs", rich_help_panel="Records")(records.runs)
app.command("show", rich_help_panel="Records")(records.show)
app.add_typer(auditing.audit, name="audit", rich_help_panel="Records")


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Show the version and exit.", is_eager=True),
) -> None:
    if version:
        from remediate import __version__

        typer.echo(f"remediate {__version__}")
        raise typer.Exit


def run(argv: Sequence[str]) -> int:
    """Run one command line.

    Args:
        argv: The arguments, without the program's name.

    Returns:
        The exit code.
    """
    try:
        code = app(list(argv), prog_name="remediate", standalone_mode=False)
    except RemediateError as error:
        _complain(str(error))
        return code_of_error(error)
    except typer.TyperException as error:
        return _usage(error)
    except SystemExit as left:  # typer's way to leave on any broken pipe
        if not isinstance(left.__context__, BrokenPipeError):
            raise
        return unforeseen(left.__context__)
    except Exception as error:
        if os.environ.get("REMEDIATE_TRACEBACK") and not streams.failed_with(error):
            raise
        return unforeseen(error)
    if code == INTERRUPTED:
        _leave_at_once()
    return code if isinstance(code, int) else 0


def _leave_at_once() -> None:
    """End the process without waiting for threads that still try to reach a host that does not answer."""
    try:
        _complain("interrupted")
        streams.let_go()
    finally:
        os._exit(DECLINED)


def unforeseen(error: Exception) -> int:
    """Tell a stream that cannot be written from a defect of ours; only the stream knows which error was its own.

    Args:
        error: What ended the command.

    Returns:
        The exit code.
    """
    stream = streams.failed_with(error)
    if not stream:
        return _defect(error)
    if isinstance(error, BrokenPipeError):  # the reader (head, less) of a list has seen enough
        return 0
    _complain(f"remediate: {stream} cannot be written ({getattr(error, 'strerror', '')})")
    return FAILED


def _defect(error: Exception) -> int:
    """Tell of a defect of ours without its text, which may hold anything; what was owed is in the audit log."""
    what = f"remediate: internal error ({type(error).__name__}): this is a defect of ours"
    _complain(
        f"{what}; `remediate runs` tells what is still owed, REMEDIATE_TRACEBACK=1 shows where it happened"
    )
    return STUCK


def _usage(error: typer.TyperException) -> int:
    text = error.format_message()
    if text.startswith("Usage:"):  # no arguments at all: the help is the answer
        _say(text, err=False)
        return USAGE
    command = getattr(getattr(error, "ctx", None), "command_path", "remediate")
    _complain(f"{command}: {' '.join(text.split())} Try `{command} --help`.")
    return USAGE


def _complain(text: str) -> None:
    from remediate.sinks.clean import one_line

    _say(one_line(text, 1000), err=True)


def _say(text: str, *, err: bool) -> None:
    with suppress(OSError, ValueError):  # there is nobody left to tell, and the exit code must still be right
        typer.echo(text, err=err)
