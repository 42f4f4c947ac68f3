"""Signs with the operator's SSH key, and checks such signatures, by OpenSSH's own `ssh-keygen -Y`. It never prompts.

It knows nothing of what is signed. Format: OpenSSH, PROTOCOL.sshsig.
"""

import base64
import hashlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

NAMESPACE = "remediate-audit"
USUAL_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
"""In `~/.ssh`. Keys that want to be touched (`_sk`) are signed with only where `--key` names one."""
PATIENCE = 20.0
"""Seconds for one call of ssh-keygen, which may ask an agent."""
NOT_THERE, TOO_LATE = -1000, -1001
"""What stands for an exit code where a program could not be started, or did not end."""
_MAGIC = b"SSHSIG\0\0\0\1"


def usual_keys(home: Path) -> tuple[Path, ...]:
    """Return the operator's own keys that are there, the usual one first; one of which only the public half is, too."""
    paths = (home / ".ssh" / name for name in USUAL_KEYS)
    return tuple(path for path in paths if path.exists() or path.with_name(f"{path.name}.pub").exists())


def signed(
    content: bytes, keys: Sequence[Path], environment: Mapping[str, str], *, agent: bool = False
) -> str:
    """Return an armored signature by the first key that can be used, or nothing where none can.

    An agent is used for the keys it has. A key that wants a passphrase, and is in no agent, cannot be used: nobody is
    asked.

    Args:
        content: What is signed.
        keys: Files of private keys, or of public ones that an agent has.
        environment: The process's variables.
        agent: Whether the agent's own first key may serve where none of these does.
    """
    with tempfile.TemporaryDirectory(prefix="remediate-") as folder:
        content_path = Path(folder) / "content"
        content_path.write_bytes(content)
        others = _first_of_agent(Path(folder), environment) if agent else ()
        for key in chain(keys, others):
            arguments = ("-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(content_path))
            if _keygen(arguments, environment)[0] == 0:
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
    digest = hashlib.sha256(raw[start : start + length]).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def fault_of_signature(
    content: bytes, signature: str, signers: Path | None, environment: Mapping[str, str]
) -> str:
    """Return what speaks against a signature, or nothing.

    Args:
        content: What it should be of.
        signature: Armored.
        signers: A file of allowed signers (ssh-keygen(1)); None: whoever holds the key may have signed.
        environment: The process's variables.
    """
    with tempfile.TemporaryDirectory(prefix="remediate-") as folder:
        path = Path(folder) / "content.sig"
        path.write_text(signature, "utf-8", "backslashreplace")
        return _fault(content, path, signers, environment)


def _fault(content: bytes, path: Path, signers: Path | None, environment: Mapping[str, str]) -> str:
    check = ("-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(path))
    code = _keygen(check, environment, content)[0]
    if code == NOT_THERE:
        return "ssh-keygen, which checks signatures, is not on this machine"
    if code != 0:
        return "the signature is not of this content"
    if signers is None:
        return ""
    code, told = _keygen(("-Y", "find-principals", "-s", str(path), "-f", str(signers)), environment)
    who = told.decode("utf-8", "backslashreplace").partition("\n")[0].partition(",")[0]
    verify = ("-Y", "verify", "-n", NAMESPACE, "-s", str(path), "-f", str(signers), "-I", who)
    if code != 0 or not who or _keygen(verify, environment, content)[0] != 0:
        return f"its key is none that {signers} allows"
    return ""


def _keygen(
    arguments: Sequence[str], environment: Mapping[str, str], content: bytes = b""
) -> tuple[int, bytes]:
    return _program(("ssh-keygen", *arguments), environment, content)


def _program(
    command: Sequence[str], environment: Mapping[str, str], content: bytes = b""
) -> tuple[int, bytes]:
    """Run a program that has no terminal to ask at, and nothing on its stdin but what it is to check."""
    quiet = {**environment, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603  (constant programs; every argument is one word)
            command,
            input=content,
            capture_output=True,
            check=False,
            timeout=PATIENCE,
            env=quiet,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return TOO_LATE, b""
    except OSError:
        return NOT_THERE, b""
    return done.returncode, done.stdout
