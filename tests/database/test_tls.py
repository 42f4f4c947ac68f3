"""TLS: asked for where the URL or the server demands it, over a loopback port; told apart where it cannot be had."""

import subprocess
from collections.abc import Iterator

import pytest

from remediate.questions import Query, QueryAnswer, Unanswered

from .conftest import Cluster

IN_USE = Query(sql="SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
RULES = """
local all tlsonly reject
hostnossl all tlsonly all reject
hostssl all tlsonly all scram-sha-256
"""


@pytest.fixture(scope="module")
def with_tls(cluster: Cluster) -> Iterator[Cluster]:
    data = cluster.directory / "data"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    files = ("-keyout", str(data / "server.key"), "-out", str(data / "server.crt"))
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *subject]
    subprocess.run([*cluster.prefix, *openssl], check=True, capture_output=True, cwd="/")
    (data / "server.key").chmod(0o600)
    before = (data / "pg_hba.conf").read_text()
    (data / "pg_hba.conf").write_text(RULES + before)
    cluster.sql("CREATE ROLE tlsonly LOGIN PASSWORD 'tls'; ALTER SYSTEM SET ssl = on")
    cluster.sql("SELECT pg_reload_conf(), pg_sleep(0.3)")
    yield cluster
    (data / "pg_hba.conf").write_text(before)
    cluster.sql("DROP ROLE tlsonly; ALTER SYSTEM RESET ssl")
    cluster.sql("SELECT pg_reload_conf(), pg_sleep(0.3)")


def answer(open_database, cluster: Cluster, query: str, user: str = "tlsonly") -> QueryAnswer | Unanswered:
    url = cluster.url(
        "postgres", user=user, password="tls" if user == "tlsonly" else "correct%20horse%2Fbattery%40staple"
    )
    return open_database(f"{url}&{query}").answer([IN_USE])[IN_USE]


def test_a_server_that_demands_tls_gets_it_though_the_url_does_not_ask(with_tls, open_database) -> None:
    assert answer(open_database, with_tls, "").rows == ((True,),)


def test_a_url_that_demands_tls_gets_it(with_tls, open_database) -> None:
    assert answer(open_database, with_tls, "sslmode=require", user="app").rows == ((True,),)
    authority = with_tls.directory / "data/server.crt"
    verified = f"sslmode=verify-full&sslrootcert={authority}"
    assert answer(open_database, with_tls, verified, user="app").rows == ((True,),)


def test_a_url_that_forbids_tls_is_told_that_it_is_not_let_in(with_tls, open_database) -> None:
    refused = answer(open_database, with_tls, "sslmode=disable")
    assert isinstance(refused, Unanswered)
    assert "does not let tlsonly" in refused.reason


def test_a_certificate_that_does_not_verify_is_told(with_tls, open_database, tmp_path) -> None:
    wrong = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-subj",
            "/CN=other",
        ],
        check=True,
        capture_output=True,
    ).stdout
    (tmp_path / "ca.pem").write_bytes(wrong)
    refused = answer(
        open_database, with_tls, f"sslmode=verify-full&sslrootcert={tmp_path}/ca.pem", user="app"
    )
    assert isinstance(refused, Unanswered)
    assert "compare certificates" in refused.reason


def test_without_need_the_socket_is_used(with_tls, open_database) -> None:
    assert answer(open_database, with_tls, "sslmode=prefer", user="app").rows == ((False,),)
