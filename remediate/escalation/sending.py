"""Starts the program that talks to services, and reads what became of it. It retries nothing."""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from remediate.escalation.delivery import Message, Sent

PATIENCE, PATIENCE_EACH = 30.0, 30.0
"""Seconds that the program may take to start, and for each URL."""
LACKING = "apprise is not installed: pip install 'remediate[notify]'"
_SENDER = Path(__file__).with_name("apprise_sender.py")


def send(urls: Sequence[str], message: Message, program: Path = _SENDER) -> tuple[Sent, ...]:
    """Try each URL once, in a process of its own.

    Args:
        urls: URLs of apprise.
        message: What to bring.
        program: What talks to the services.

    Returns:
        What became of each, in their order.
    """
    if find_spec("apprise") is None:
        return _all(urls, LACKING, again=False)
    sent: tuple[Sent, ...] = ()
    while len(sent) < len(urls):  # one that hangs keeps none after it from being tried
        sent += _tried(urls[len(sent) :], message, program)
    return sent


def _tried(urls: Sequence[str], message: Message, program: Path) -> tuple[Sent, ...]:
    """Return what became of the first ones: of all, or of those up to the one that hung; at least of one."""
    order = json.dumps({"urls": list(urls), **message.model_dump()})
    try:
        ended = subprocess.run(  # noqa: S603  (our own program, with constant arguments)
            [sys.executable, "-P", "-W", "ignore", str(program)],  # -P: modules beside it are none of its own
            input=order.encode(),
            capture_output=True,
            timeout=PATIENCE + PATIENCE_EACH * len(urls),
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        before = _read(late.stdout or b"")[: len(urls)]
        hung = Sent(taken=False, why="it did not answer in time")
        return (*before, hung)[: len(urls)]
    except OSError as error:
        return _all(urls, f"the program that talks to services cannot be started ({error.strerror})")
    sent = _read(ended.stdout)[: len(urls)]
    why = f"the program that talks to services ended with {ended.returncode}"
    return (*sent, *_all(urls[len(sent) :], why))


def _read(answer: bytes) -> tuple[Sent, ...]:
    """Return what became of the first ones, as far as there are whole lines of it."""
    sent: list[Sent] = []
    for line in answer.splitlines():
        try:
            sent.append(Sent.model_validate_json(line))
        except ValidationError:
            break
    return tuple(sent)


def _all(urls: Sequence[str], why: str, *, again: bool = True) -> tuple[Sent, ...]:
    return tuple(Sent(taken=False, again=again, why=why) for _ in urls)
