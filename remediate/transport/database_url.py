"""Translates a database URL as Prisma and node-postgres write it for libpq. Connects to nothing.

Sources: Prisma's reference of PostgreSQL connection URLs, and the manual's chapter "Connection Strings" (libpq).
libpq itself refuses the first parameter it does not know (`invalid URI query parameter: "schema"`).
"""

import re
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, unquote

from remediate.errors import CouldNotLook
from remediate.questions import Value

Destination: TypeAlias = tuple[str, int] | str
"""Where a server listens, as the host sees it: address and port, or the path of a Unix-domain socket."""

_SCHEMES = ("postgresql", "postgres")
_KEPT = (
    "connect_timeout",
    "sslmode",
    "sslcert",
    "sslkey",
    "sslrootcert",
    "sslcrl",
    "sslpassword",
    "channel_binding",
    "target_session_attrs",
)
_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TLS_DEMANDED = ("require", "verify-ca", "verify-full")
_PORT = 5432
_POOLER_PORTS = (6432, 6543)
_HIGHEST_PORT = 65535
_ENCODE = "percent-encode special characters in the password (@ is %40, / is %2F, ? is %3F, # is %23)"


class DatabaseUrl(Value):
    """What a database URL says, in libpq's words.

    Attributes:
        destinations: Where servers listen, in the order in which they are to be tried.
        user: The role to log in as.
        password: Secret; empty where the URL has none.
        written_password: The same as the URL has it, still percent-encoded: secret, too.
        dbname: The database.
        schema_name: The schema that the app works in; becomes the search path.
        options: Further libpq parameters, as names and values.
        pooled: Whether a pooler such as PgBouncer stands between: it forgets sessions.
        dropped: Parameters that only Prisma or node-postgres know.
    """

    destinations: tuple[Destination, ...]
    user: str
    password: str = ""
    written_password: str = ""
    dbname: str
    schema_name: str = "public"
    options: tuple[tuple[str, str], ...] = ()
    pooled: bool = False
    dropped: tuple[str, ...] = ()

    @property
    def tls_demanded(self) -> bool:
        """Whether the URL insists on TLS, so that a Unix-domain socket will not do."""
        return dict(self.options).get("sslmode") in _TLS_DEMANDED

    def shown(self) -> str:
        """Return where it leads, for a person, without the password."""
        first = self.destinations[0]
        place = first if isinstance(first, str) else f"{first[0]}:{first[1]}"
        return f"{self.user}@{place}/{self.dbname}"


def libpq_settings(url: str) -> DatabaseUrl:
    """Return what a URL of Prisma's or node-postgres' form says.

    Raises:
        CouldNotLook: It is no PostgreSQL URL. The message never contains the password.
    """
    scheme, _, rest = url.strip().partition("://")
    _refuse(not url.strip(), "is empty", "set it to postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    _refuse(not rest, "is no URL", "it must begin with postgresql://")
    _refuse(
        scheme not in _SCHEMES,
        f"is for {_word(scheme)}, not for PostgreSQL",
        "it must begin with postgresql://",
    )
    location, _, query = rest.partition("#")[0].partition("?")
    authority, _, path = location.partition("/")
    _refuse("@" in rest and "@" not in authority, "cannot be read", _ENCODE)
    credentials, _, hosts = authority.rpartition("@")
    return _settings(credentials, hosts, unquote(path), query)


def of_database(url: str, name: str) -> str:
    """Return the same URL for another database of the same server."""
    scheme, _, rest = url.strip().partition("://")
    location, mark, query = rest.partition("#")[0].partition("?")
    return f"{scheme}://{location.partition('/')[0]}/{quote(name, safe='')}{mark}{query}"


def _settings(credentials: str, hosts: str, path: str, query: str) -> DatabaseUrl:
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    written = dict(pair.partition("=")[::2] for pair in query.split("&"))
    user, _, password = credentials.partition(":")
    name = unquote(user) or parameters.get("user", "")
    _refuse(not name, "names no user", "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    destinations = _destinations(parameters.get("host") or hosts, parameters.get("port", ""))
    return DatabaseUrl(
        destinations=destinations,
        user=name,
        password=unquote(password) or parameters.get("password", ""),
        written_password=password or written.get("password", ""),
        dbname=path or parameters.get("dbname", "") or name,
        schema_name=parameters.get("schema") or "public",
        options=_options(parameters),
        pooled=_is_pooled(destinations, parameters),
        dropped=tuple(sorted(set(parameters) - set(_KEPT) - _PART_OF_THE_ADDRESS)),
    )


_PART_OF_THE_ADDRESS = frozenset({"host", "port", "user", "password", "dbname", "schema"})


def _destinations(hosts: str, port: str) -> tuple[Destination, ...]:
    return tuple(_destination(unquote(host), port) for host in hosts.split(","))


def _destination(host: str, port: str) -> Destination:
    found = re.fullmatch(r"(?:\[([^\]]*)\]|((?:/[^:]*)|[^:/\[\]]*))(?::(.*))?", host)
    _refuse(found is None, "has an address that cannot be read", _ENCODE)
    six, name, own_port = found.groups() if found else ("", "", "")
    number = _port(own_port or port)
    if name and name.startswith("/"):
        return f"{name.rstrip('/')}/.s.PGSQL.{number}"
    return (six or name or "localhost", number)


def _port(text: str) -> int:
    # what stands after the colon may be the rest of a password that was not percent-encoded: never shown
    wrong = bool(text) and not (text.isascii() and text.isdecimal() and 0 < int(text) <= _HIGHEST_PORT)
    _refuse(
        wrong, "has a port that is no number", "percent-encode special characters in the password (/ is %2F)"
    )
    return int(text) if text else _PORT


def _options(parameters: dict[str, str]) -> tuple[tuple[str, str], ...]:
    kept = {name: parameters[name] for name in _KEPT if parameters.get(name)}
    mode = kept.get("sslmode", "prefer")
    _refuse(mode not in _SSLMODES, "has an unknown sslmode", f"one of {', '.join(_SSLMODES)}")
    if (
        "sslcert" in kept and "sslkey" not in kept
    ):  # Prisma's sslcert is the authority's certificate, not the client's
        kept.setdefault("sslrootcert", kept.pop("sslcert"))
    return tuple(kept.items())


def _is_pooled(destinations: tuple[Destination, ...], parameters: dict[str, str]) -> bool:
    ports = {destination[1] for destination in destinations if not isinstance(destination, str)}
    return parameters.get("pgbouncer", "").lower() in ("true", "1") or bool(ports & set(_POOLER_PORTS))


def _word(scheme: str) -> str:
    return scheme if re.fullmatch(r"[a-z][a-z+]{0,20}", scheme) else "something else"


def _refuse(wrong: bool, what: str, todo: str) -> None:
    if wrong:
        raise CouldNotLook("database URL", what, todo)
