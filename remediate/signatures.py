"""Signs with a person's SSH key, and checks such signatures, by OpenSSH's own `ssh-keygen -Y`. It stores none.

It knows nothing of what is signed. Format: OpenSSH, PROTOCOL.sshsig.
"""

import base64
import hashlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

USUAL_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
"""In `~/.ssh`. Keys that want to be touched (`_sk`) are signed with only where `--key` names one."""
PATIENCE = 20.0
"""Seconds for one call of ssh-keygen, which may ask an agent."""
PATIENCE_OF_PEOPLE = 120.0
"""Seconds in which a passphrase is typed, or a key is touched."""
NOT_THERE, TOO_LATE = -1000, -1001
"""What stands for an exit code where a program could not be started, or did not end."""
_MAGIC = b"SSHSIG\0\0\0\1"


def usual_keys(home: Path) -> tuple[Path, ...]:
    """Return the operator's own keys that are there, the usual one first; one of which only the public half is, too."""
    paths = (home / ".ssh" / name for name in USUAL_KEYS)
    return tuple(path for path in paths if path.exists() or path.with_name(f"{path.name}.pub").exists())


def signed(
    content: bytes,
    keys: Sequence[Path],
    environment: Mapping[str, str],
    namespace: str,
    *,
    agent: bool = False,
    asking: bool = False,
) -> str:
    """Return an armored signature by the first key that can be used, or nothing where none can.

    An agent is used for the keys it has. A key that wants a passphrase, and is in no agent, can be used only where
    somebody is asked for it.

    Args:
        content: What is signed.
        keys: Files of private keys, or of public ones that an agent has.
        environment: The process's variables.
        namespace: What the signature is for: one for another purpose is none for this one (PROTOCOL.sshsig).
        agent: Whether the agent's own first key may serve where none of these does.
        asking: Whether ssh-keygen may ask at the terminal, for a passphrase or to touch the key.
    """
    with tempfile.TemporaryDirectory(prefix="remediate-") as folder:
        content_path = Path(folder) / "content"
        content_path.write_bytes(content)
        others = _first_of_agent(Path(folder), environment) if agent else ()
        for key in chain(keys, others):
            arguments = ("-Y", "sign", "-n", namespace, "-f", str(key), str(content_path))
            if _keygen(arguments, environment, asking=asking)[0] == 0:
                return content_path.with_name("content.sig").read_text("ascii")
    return ""


def _first_of_agent(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    if not environment.get("SSH_AUTH_SOCK"):
        return
    code, told = _program(("ssh-add", "-L"), environment)
    if code == 0 and told:
        (folder / "agent.pub").write_bytes(told.splitlines()[0] + b"\n")
        yield folder / "agent.pub"


def signer_of(signature: str) -> str:
    """Return the fingerprint of the key that a signature says it is by, as OpenSSH writes it, or nothing."""
    inner = "".join(line for line in signature.splitlines() if not line.startswith("-----"))
    try:
        raw = base64.b64decode(inner, validate=True)
    except ValueError:
        return ""
    length = int.from_bytes(raw[len(_MAGIC) : len(_MAGIC) + 4], "big")
    start = len(_MAGIC) + 4
    if not raw.startswith(_MAGIC) or len(raw) < start + length:
        return ""
    return _fingerprint(raw[start : start + length])


class SignatureVerdict(NamedTuple):
    """What is known of a signature.

    Attributes:
        principal: Who signed, by the name that the file of allowed signers has; empty where none was given.
        fault: What speaks against it, or nothing.
    """

    principal: str
    fault: str


def judged_signature(
    content: bytes, signature: str, signers: Path | None, environment: Mapping[str, str], namespace: str
) -> SignatureVerdict:
    """Return who signed, and what speaks against it.

    Args:
        content: What it should be of.
        signature: Armored.
        signers: A file of allowed signers (ssh-keygen(1)); None: whoever holds the key may have signed.
        environment: The process's variables.
        namespace: What it should be for.
    """
    with tempfile.TemporaryDirectory(prefix="remediate-") as folder:
        path = Path(folder) / "content.sig"
        path.write_text(signature, "utf-8", "backslashreplace")
        check = ("-Y", "check-novalidate", "-n", namespace, "-s", str(path))
        code = _keygen(check, environment, content)[0]
        if code == NOT_THERE:
            return SignatureVerdict("", "ssh-keygen, which checks signatures, is not on this machine")
        if code != 0:
            return SignatureVerdict("", "the signature is not of this content")
        return (
            _allowed(content, path, signers, environment, namespace) if signers else SignatureVerdict("", "")
        )


def _allowed(
    content: bytes, path: Path, signers: Path, environment: Mapping[str, str], namespace: str
) -> SignatureVerdict:
    code, told = _keygen(("-Y", "find-principals", "-s", str(path), "-f", str(signers)), environment)
    who = told.decode("utf-8", "backslashreplace").partition("\n")[0].partition(",")[0]
    verify = ("-Y", "verify", "-n", namespace, "-s", str(path), "-f", str(signers), "-I", who)
    if code != 0 or not who or _keygen(verify, environment, content)[0] != 0:
        return SignatureVerdict("", f"its key is none that {signers} allows")
    return SignatureVerdict(who, "")


def keys_at_hand(home: Path, environment: Mapping[str, str]) -> frozenset[str]:
    """Return the fingerprints of the keys that whoever runs this process has at hand: in `~/.ssh`, in an agent."""
    own = frozenset(_fingerprints(home / ".ssh", environment))
    code, told = _program(("ssh-add", "-L"), environment)
    lines = told.decode("utf-8", "backslashreplace").splitlines() if code == 0 else ()
    return own | frozenset(filter(None, map(fingerprint_of, lines)))


def _fingerprints(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Return those of all keys in a folder: ssh-keygen tells a private key's without its passphrase."""
    for path in sorted(folder.glob("*")):
        if not _is_key(path):
            continue
        code, told = _keygen(("-l", "-f", str(path)), environment)
        words = told.decode("utf-8", "backslashreplace").split()
        if code == 0 and len(words) > 1:
            yield words[1]


def _is_key(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(80)
    except OSError:  # one that cannot be read is none to sign with
        return False
    return b"PRIVATE KEY-----" in head or path.suffix == ".pub"


def fingerprint_of(public_key: str) -> str:
    """Return the fingerprint of a line with a public key, as OpenSSH writes it, or nothing where it is none."""
    words = public_key.split()
    try:
        raw = base64.b64decode(words[1], validate=True) if len(words) > 1 else b""
    except ValueError:
        return ""
    return _fingerprint(raw) if raw else ""


def _fingerprint(raw: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


def _keygen(
    arguments: Sequence[str], environment: Mapping[str, str], content: bytes = b"", *, asking: bool = False
) -> tuple[int, bytes]:
    return _program(("ssh-keygen", *arguments), environment, content, asking=asking)


def _program(
    command: Sequence[str], environment: Mapping[str, str], content: bytes = b"", *, asking: bool = False
) -> tuple[int, bytes]:
    """Run a program with nothing on its stdin but what it is to check; unless it may ask, it has no terminal."""
    quiet = {} if asking else {"SSH_ASKPASS_REQUIRE": "never"}
    try:
        done = subprocess.run(  # noqa: S603  (constant programs; every argument is one word)
            command,
            input=content,
            stdout=subprocess.PIPE,
            stderr=None if asking else subprocess.PIPE,  # "touch your key" is told there
            check=False,
            timeout=PATIENCE_OF_PEOPLE if asking else PATIENCE,
            env={**environment, **quiet, "LC_ALL": "C"},
            start_new_session=not asking,
        )
    except subprocess.TimeoutExpired:
        return TOO_LATE, b""
    except OSError:
        return NOT_THERE, b""
    return done.returncode, done.stdout
