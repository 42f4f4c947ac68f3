"""What the doctor asks a host for."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

from remediate import providers, transport
from remediate.providers.doctor import PROGRAMS

COMMAND = re.compile(
    r"(?:^|[|;&({!]|\$\(|\b(?:exec|then|do|else|if|until|while)\b)\s*(?=([a-z][a-z0-9]*)(?: |$))",
    re.MULTILINE,
)


def scripts() -> Iterator[str]:
    """Yield every constant that is shell text: each of several lines, none of them SQL or a docstring."""
    for package in (providers, transport):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for name, text in vars(importlib.import_module(found.name)).items():
                if isinstance(text, str) and name != "__doc__" and "\n" in text and "SELECT" not in text:
                    yield text


BEYOND_POSIX = {
    *("curl", "flock", "gzip", "install", "jq", "mktemp", "readlink"),
    *("realpath", "rsync", "seq", "setsid", "sha256sum", "stat"),
    *("stdbuf", "sync", "tar", "timeout", "wget"),
}


def test_the_doctor_asks_for_what_the_scripts_run_and_for_nothing_else() -> None:
    used = {word for text in scripts() for word in COMMAND.findall(text)}
    assert set(PROGRAMS) <= used
    assert used & BEYOND_POSIX <= set(PROGRAMS)
