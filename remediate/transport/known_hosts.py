"""Reads a known_hosts file as OpenSSH does: patterns, hashes, several keys a host, revoked keys. Trusts nothing itself.

paramiko's own reader gives up on the whole file at one `@revoked` or `@cert-authority` line, knows no patterns, and
keeps one key of a kind (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). Host certificates are not supported: such lines are left
out.
"""

import base64
import binascii
import fnmatch
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PLAIN_FIELDS = 3


@dataclass(frozen=True)
class HostKey:
    """One key of a known_hosts file.

    Attributes:
        kind: `ssh-ed25519`, …
        blob: The public key as SSH sends it.
    """

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        return fingerprint(self.blob)


@dataclass(frozen=True)
class Known:
    """What a known_hosts file says of one host."""

    keys: tuple[HostKey, ...]
    revoked: frozenset[bytes]


def fingerprint(blob: bytes) -> str:
    """Return a public key's SHA-256 fingerprint as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def lines_of(file: Path) -> list[str]:
    """Return a file's lines; none where there is no file: then every key is unknown, and the refusal names the file."""
    try:
        return file.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []


def known(lines: Iterable[str], name: str) -> Known:
    """Return what the lines say of a host.

    Args:
        lines: The file's lines.
        name: As SSH looks it up: `host`, or `[host]:port` where the port is not 22.
    """
    keys, revoked = [], set()
    for line in lines:
        marker, patterns, key = _parsed(line)
        if key is None or not _matches(patterns, name.lower()):
            continue
        if marker == "@revoked":
            revoked.add(key.blob)
        elif not marker:
            keys.append(key)
    return Known(tuple(key for key in keys if key.blob not in revoked), frozenset(revoked))


def _parsed(line: str) -> tuple[str, str, HostKey | None]:
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < PLAIN_FIELDS or fields[0].startswith("#"):
        return marker, "", None
    try:
        return marker, fields[0], HostKey(fields[1], base64.b64decode(fields[2], validate=True))
    except binascii.Error:  # OpenSSH goes past a line it cannot read, too
        return marker, "", None


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        return _hash_matches(patterns, name)
    given = patterns.lower().split(",")
    if any(pattern[0] == "!" and _glob(pattern[1:], name) for pattern in given if pattern):
        return False
    return any(_glob(pattern, name) for pattern in given)


def _glob(pattern: str, name: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))  # OpenSSH's patterns have * and ? only


def _hash_matches(hashed: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed[len("|1|") :].split("|", 1))
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), "sha1").digest(), digest)
