"""What must come back to the byte though the log is masked: long texts and secrets go beside it, under their hash.

What is kept there begins with random bytes, so that nobody can guess a short secret from the hash in the log. It knows
no entry and no run.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from remediate.journal.blobs import Blobs
from remediate.masking import Masker
from remediate.model import Json, canonical

LONGEST = 1024
"""Characters of a text that may stand in the log itself."""
SALT = 16
"""Random bytes before each content."""

Way: TypeAlias = tuple[str | int, ...]


class ExactData:
    """Splits data into what may stand in the log, and what is kept beside it; and puts the two together again.

    Args:
        blobs: Where texts are kept.
        masker: What is secret.
    """

    def __init__(self, blobs: Blobs, masker: Masker) -> None:
        self._blobs, self._masker = blobs, masker

    def set_aside(self, data: Mapping[str, Json]) -> dict[str, Json]:
        """Return `{"exact": …, "aside": [[way, sha256], …]}`: nothing secret and nothing long is left in it.

        A text goes aside when it is long, stands under a key that ends in `_bytes`, or holds a secret. Where a key
        that is not of our own values (`masking.FREE`) holds a secret, everything goes aside.
        """
        plain = json.loads(canonical(dict(data)))
        ways = [way for way, text in _texts(plain, ()) if self._goes(way, text)]
        salt = secrets.token_bytes(SALT)
        aside = [[list(way), self._keep(salt, _at(plain, way))] for way in ways]
        for way in ways:
            _at(plain, way[:-1])[way[-1]] = None
        if self._masker.json(plain) != plain:
            return {"exact": None, "aside": [[[], self._keep(salt, canonical(dict(data)).decode())]]}
        return {"exact": plain, "aside": aside}

    def _keep(self, salt: bytes, text: str) -> str:
        return self._blobs.store(salt + text.encode("utf-8", "surrogatepass"))

    def put_back(self, body: Mapping[str, Json]) -> dict[str, Json]:
        """Return the data as they were.

        Raises:
            JournalError: What was set aside is missing or was altered.
        """
        exact: dict[str, Json] = json.loads(canonical(body["exact"]))
        for way, name in body["aside"]:
            text = self._blobs.load(name)[SALT:].decode("utf-8", "surrogatepass")
            if not way:
                return dict(json.loads(text))
            _at(exact, way[:-1])[way[-1]] = text
        return exact

    def names(self, body: Mapping[str, Json]) -> tuple[str, ...]:
        """Return the hashes of what was set aside."""
        return tuple(name for _, name in body.get("aside", ()))  # an entry may have nothing set aside

    def _goes(self, way: Way, text: str) -> bool:
        key = next((part for part in reversed(way) if isinstance(part, str)), "")
        return len(text) > LONGEST or key.endswith("_bytes") or self._masker.text(text) != text


def _texts(value: Json, way: Way) -> Iterator[tuple[Way, str]]:
    if isinstance(value, str):
        yield way, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*way, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*way, index))


def _at(value: Json, way: Way) -> Json:
    for part in way:
        value = value[part]
    return value
