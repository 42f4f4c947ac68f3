"""Who may send alerts: a bearer token, or an HMAC over time and body. It reads no body's meaning and keeps no secret.

A signature is `X-Remediate-Signature: t=SECONDS,v1=HEX`, HEX being HMAC-SHA256 (RFC 2104) over `SECONDS.BODY`. It
counts for five minutes, and once.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

WINDOW = 300.0
"""Seconds that a signature's time may differ from ours."""
SHORTEST = 16
"""Characters that a key must have at least: what can be guessed guards nothing."""
REMEMBERED = 20_000
"""Signatures that are kept to refuse them when they come again; with more in ten minutes, further ones must wait."""
_SIGNATURE = re.compile(r"t=(?P<time>\d{1,12}),v1=(?P<hex>[0-9a-f]{64})")


class Denied(StrEnum):
    """Why a sender is not believed."""

    NOBODY = "unauthenticated"  # neither header is there
    WRONG = "wrong"  # the token or signature is not right
    EXPIRED = "expired"  # the signature is of another time
    REPLAYED = "replayed"  # the signature was there before
    BUSY = "busy"  # more signatures came than are remembered


@dataclass(frozen=True)
class Key:
    """What the senders of one environment know.

    Attributes:
        environment: Which.
        kind: `bearer` or `hmac`.
        secret: The token, or the key.
    """

    environment: str
    kind: str
    secret: str = field(repr=False)


@dataclass
class Gatekeeper:
    """Tells which environments a request may speak of, and remembers signatures.

    Attributes:
        keys: What senders know.
        seen: The signatures that count no more, each with when it expires by itself.
    """

    keys: Sequence[Key]
    seen: dict[str, float] = field(default_factory=dict)

    def succeeds(self, earlier: "Gatekeeper") -> None:
        """Refuse what an earlier one would have refused as seen before: all was read anew meanwhile."""
        self.seen |= earlier.seen

    def bearing(self, headers: Mapping[str, str]) -> frozenset[str]:
        """Return the environments whose token a request bears; what it says is compared in constant time."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return frozenset()
        return self._fitting("bearer", lambda key: _same(token.strip(), key.secret))

    def signs(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request claims to be signed, so that its body has to be read."""
        return "x-remediate-signature" in headers and any(key.kind == "hmac" for key in self.keys)

    def signed(self, headers: Mapping[str, str], body: bytes, now: float) -> frozenset[str] | Denied:
        """Return the environments whose key a request is signed with, or why it is not believed.

        Args:
            headers: Its headers, lower case.
            body: Its body.
            now: Seconds since the epoch.
        """
        written = _SIGNATURE.fullmatch(headers.get("x-remediate-signature", ""))
        if not written:
            return Denied.WRONG
        message = written["time"].encode() + b"." + body
        found = self._fitting("hmac", lambda key: _same(written["hex"], signature(key.secret, message)))
        if not found:
            return Denied.WRONG
        if abs(now - int(written["time"])) > WINDOW:
            return Denied.EXPIRED
        return self._first_time(written["hex"], now) or found

    def forget(self, headers: Mapping[str, str]) -> None:
        """Let a signature count once more: what it signed could not be taken."""
        if written := _SIGNATURE.fullmatch(headers.get("x-remediate-signature", "")):
            self.seen.pop(written["hex"], None)

    def _fitting(self, kind: str, fits: Callable[[Key], bool]) -> frozenset[str]:
        """Compare with every key, so that how long it takes tells nothing of which one was nearly right."""
        verdicts = [(key.environment, fits(key)) for key in self.keys if key.kind == kind]
        return frozenset(environment for environment, right in verdicts if right)

    def _first_time(self, seen: str, now: float) -> Denied | None:
        """Remember a signature that is right; those that have expired by themselves are forgotten."""
        if seen in self.seen:
            return Denied.REPLAYED
        if len(self.seen) >= REMEMBERED:
            self.seen = {one: until for one, until in self.seen.items() if until >= now}
        if len(self.seen) >= REMEMBERED:
            return Denied.BUSY
        self.seen[seen] = now + 2 * WINDOW
        return None


def signature(key: str, message: bytes) -> str:
    """Return the HMAC-SHA256 of a message, in hex."""
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def _same(given: str, wanted: str) -> bool:
    digests = (hashlib.sha256(one.encode("utf-8", "backslashreplace")).digest() for one in (given, wanted))
    return hmac.compare_digest(*digests)
