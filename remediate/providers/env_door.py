"""What a database says to whoever knocks, as one clause for a person and one word for later steps. Knocks nowhere.

Codes are SQLSTATEs (PostgreSQL manual, appendix "Error Codes"), Node's names of the system's errors, and those of
`env_host.Tried`. Messages are never read: they differ between versions and languages.
"""

from remediate.questions import Value

_TLS = ("ETLS", "CERT_", "ERR_TLS", "ERR_SSL", "SELF_SIGNED", "DEPTH_ZERO", "UNABLE_TO_")


class Word(Value):
    """What came of knocking.

    Attributes:
        state: One word: `ok`, `auth`, `no-database`, `too-many`, …
        says: One clause that goes on after where it leads.
        todo: What to do about it.
    """

    state: str
    says: str
    todo: str = ""


_PASSWORD = Word(
    state="auth",
    says="the password is not accepted",
    todo="set the right one, or name the inventory's secret with it",
)
_REFUSED = Word(
    state="refused", says="nothing listens there", todo="start the server, or correct host and port"
)
_NO_HOST = Word(state="no-host", says="there is no host of that name", todo="correct the host")
_NO_WAY = Word(
    state="no-way", says="there is no way to that host", todo="correct the host, or look at the network"
)
_SILENT = Word(
    state="silent", says="nobody answers within 5 s", todo="look at the server and at what is between"
)
_TOO_MANY = Word(
    state="too-many",
    says="no connection is left for it",
    todo="find who holds them, or raise the server's or the role's limit",
)
_STARTING = Word(state="starting", says="the server is starting up or shutting down", todo="wait, look again")
_WORDS = {
    "": Word(state="ok", says="it lets the app in"),
    "28P01": _PASSWORD,
    "28000": Word(
        state="auth",
        says="the login is refused whatever the password",
        todo="look at the role, and at pg_hba.conf",
    ),
    "3D000": Word(
        state="no-database", says="there is no database of that name", todo="correct the name, or restore it"
    ),
    "42501": Word(
        state="auth", says="the role may not connect to that database", todo="grant it CONNECT there"
    ),
    "53300": _TOO_MANY,
    "57P01": _STARTING,
    "57P03": _STARTING,
    "ECONNREFUSED": _REFUSED,
    "ENOENT": _REFUSED,
    "ENOTFOUND": _NO_HOST,
    "EAI_AGAIN": _NO_HOST,
    "EHOSTUNREACH": _NO_WAY,
    "ENETUNREACH": _NO_WAY,
    "ETIMEDOUT": _SILENT,
    "ESILENT": _SILENT,
    "EURL": Word(
        state="bad-url",
        says="it cannot be read as a URL",
        todo="percent-encode what is special in the password",
    ),
}


def word_for(code: str) -> Word:
    """Return what a code means: an SQLSTATE, an error code of the system, or one of ours; empty for a success."""
    if code.startswith(_TLS):
        return Word(
            state="tls",
            says=f"the two do not agree about TLS ({code})",
            todo="correct sslmode, or the server",
        )
    word = _WORDS.get(code, Word(state="other", says="it does not let the app in", todo="look at its log"))
    return word.model_copy(update={"says": f"{word.says} ({code})"}) if code else word
