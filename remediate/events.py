"""What happened, told once and masked at one place. Who listens, and what they make of it, is not known here.

The engine tells; sinks subscribe. A secret is masked before the first sink sees the event, in every form in which a
program is likely to have printed it.
"""

import base64
import json
import shlex
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import quote, quote_plus

from remediate.model import Json
from remediate.questions import Value

EventKind: TypeAlias = Literal[
    "run-started",  # data: playbook, title, environment, reason
    "looking",  # text: what is looked at (diagnose, verify, again)
    "finding",  # data: a Finding
    "planned",  # data: a Plan with its digest
    "confirmed",  # text: how (typed, --yes)
    "fix-started",  # step: the fix's name
    "change-started",  # data: a Change
    "output",  # text: one line that a running command printed
    "change-done",  # data: a Change
    "change-failed",  # text: why; data: output
    "nothing-to-do",  # step: a fix that had nothing to do when its turn came
    "verifying",  # text: what is still wrong; data: seconds left, stable since
    "undo-started",  # text: what is put back
    "undo-done",
    "undo-failed",  # text: why; data: output
    "put-back",  # text: whether everything is as it was before the run; data: what differs
    "warning",  # text
    "ended",  # text: why, in one line; data: outcome, and what to do next
]


class Event(Value):
    """One thing that happened on one host in one run.

    Attributes:
        kind: Which sort of thing.
        run: The run's id.
        host: The host's name.
        at: Seconds since the epoch, on the runner's clock.
        step: The name of the playbook's step, where there is one.
        text: One line for a person.
        data: The value behind it, JSON.
    """

    kind: EventKind
    run: str
    host: str
    at: float
    step: str = ""
    text: str = ""
    data: dict[str, Json] = {}


Sink: TypeAlias = Callable[[Event], None]
MASK = "***"


class Masker:
    """Replaces secrets in text and in JSON values.

    It knows each value as it is and as base64, URL-encoded, JSON and shell-quoted text, and each long line of it.
    Values shorter than four characters are not masked: they would turn up everywhere and hide nothing. Many threads
    may use it.

    Args:
        secrets: The values.
    """

    SHORTEST = 4
    SHORTEST_LINE = 8

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: tuple[str, ...] = ()
        self._one_at_a_time = threading.Lock()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these values, too, from now on."""
        forms = {form for secret in secrets if len(secret) >= self.SHORTEST for form in _forms(secret)}
        with self._one_at_a_time:
            self._forms = tuple(sorted({*self._forms, *forms}, key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return the text with every form of every secret replaced."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def json(self, value: Json) -> Json:
        """Return the JSON value with every string in it masked, keys of mappings too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.json(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        return value


def _forms(secret: str) -> Iterable[str]:
    yield from _forms_of_one(secret)
    for line in secret.splitlines():
        if len(line) >= Masker.SHORTEST_LINE:
            yield from _forms_of_one(line)


def _forms_of_one(secret: str) -> Iterable[str]:
    raw = secret.encode()
    yield secret
    yield quote(secret, safe="")
    yield quote(secret, safe="!'()*")  # as encodeURIComponent writes it (ECMA-262)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote_plus(secret)
    yield shlex.quote(secret)
    yield repr(secret)[1:-1]
    for offset in range(3):  # base64 of a longer text shows the secret in one of three alignments
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        start = (0, 2, 3)[offset]
        inner = encoded[start : len(encoded) - (1 if (offset + len(raw)) % 3 else 0)]
        if len(inner) >= Masker.SHORTEST:
            yield inner


def _told(sink: Sink, event: Event) -> bool:
    """Hand an event to a sink, and tell whether it still listens: a closed terminal or pipe ends no run."""
    try:
        sink(event)
    except OSError:
        return False
    return True


class Events:
    """The bus of one run: masks an event and hands it to every sink, one event at a time.

    Args:
        run: The run's id.
        sinks: Who listens, in order.
        masker: What is secret.
        clock: Seconds since the epoch.
    """

    def __init__(self, run: str, sinks: Iterable[Sink], masker: Masker, clock: Callable[[], float]) -> None:
        self.run, self._sinks, self.masker, self._clock = run, tuple(sinks), masker, clock
        self._one_at_a_time = threading.Lock()

    def tell(self, kind: EventKind, host: str, text: str = "", step: str = "", **data: Any) -> None:
        """Tell every sink what happened, masked."""
        event = Event(
            kind=kind,
            run=self.run,
            host=host,
            at=self._clock(),
            step=step,
            text=self.masker.text(text),
            data=self.masker.json(data),
        )
        with self._one_at_a_time:
            self._sinks = tuple(sink for sink in self._sinks if _told(sink, event))
