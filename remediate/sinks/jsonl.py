"""Writes every event as one JSON object a line, for machines. Secrets are masked before they arrive here."""

import json
from typing import TextIO

from remediate.events import Event
from remediate.sinks.clean import clean_json


class JsonLines:
    """A sink that writes JSON lines.

    Args:
        stream: Where to; flushed after every line, so that a reader sees it at once.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._stream.write(clean_json(json.dumps(event.model_dump(), ensure_ascii=False)) + "\n")
        self._stream.flush()
