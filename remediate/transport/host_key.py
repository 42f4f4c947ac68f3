"""Whether a host's key is the one on record, and what to say where it is not. Opens nothing and asks nobody."""

from dataclasses import dataclass

from remediate.transport.known_hosts import Known, fingerprint

DEFAULT_PORT = 22


@dataclass(frozen=True)
class Verdict:
    """What comparing a host's key with the record gave.

    Attributes:
        trusted: Whether to go on.
        what: What is wrong.
        todo: What to do about it.
    """

    trusted: bool
    what: str = ""
    todo: str = ""


def judge_key(known: Known, name: str, kind: str, blob: bytes, file: str) -> Verdict:
    """Compare the key that a host shows with those on record.

    Args:
        known: What the file says of the host.
        name: As SSH looks the host up: `host` or `[host]:port`.
        kind: The kind of the key shown.
        blob: The key shown.
        file: The file, for messages.
    """
    shown = fingerprint(blob)
    if blob in known.revoked:
        return Verdict(False, f"its host key {shown} is revoked in {file}", "do not log in there")
    if any(key.blob == blob for key in known.keys):
        return Verdict(True)
    if known.keys:
        recorded = " or ".join(sorted({key.fingerprint for key in known.keys}))
        what = f"its host key has changed: {file} has {recorded}, it shows {shown}"
        return Verdict(False, what, f"ask who changed it; only then: ssh-keygen -f {file} -R '{name}'")
    learn = f"ssh-keyscan {_scan_arguments(name)}-t {_scan_kind(kind)} >> {file}"
    return Verdict(
        False, f"its host key {shown} is not in {file}", f"compare it with the host's own, then: {learn}"
    )


def looked_up(host: str, port: int) -> str:
    """Return the name under which SSH records a host's key."""
    return host if port == DEFAULT_PORT else f"[{host}]:{port}"


def _scan_arguments(name: str) -> str:
    if not name.startswith("["):
        return f"{name} "
    host, _, port = name[1:].partition("]:")
    return f"-p {port} {host} "


def _scan_kind(kind: str) -> str:
    return kind.removeprefix("ssh-").split("-")[0]
