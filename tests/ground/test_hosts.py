"""A host is what the rest of the project takes it for."""

import json
import subprocess

import pytest

from tests.practice import BACKEND, PROJECTS, done


def ssh(practice, host, *command, user=None):
    return practice.lab("ssh", *(["--user", user] if user else []), host, "--", *command)


def test_a_login_finds_node_npm_and_pm2_without_a_login_shell(practice):
    said = done(ssh(practice, "web1", "command -v node npm pm2; hostname; whoami")).stdout.split()
    assert said[-3:] == ["/usr/local/bin/pm2", "web1", "deploy"]
    assert len(said) == 5


def test_the_token_and_the_database_url_are_in_env_and_nowhere_else(practice):
    assert practice.on("web1", "stat", "-c", "%a %U", f"{BACKEND}/.env") == "600 deploy\n"
    environment = practice.shell(
        "web1", "cat /proc/$(pm2 pid lumiku-backend)/environ | tr '\\0' '\\n'; pm2 env 0; env"
    )
    assert "DATABASE_URL" not in environment
    assert "API_TOKEN" not in environment


def test_the_project_list_is_an_array_of_the_seeded_projects(practice):
    status, body = practice.answers("web1")
    assert status == 200
    assert {project["name"] for project in json.loads(body)} == {
        "Harbour Stories",
        "Autumn Campaign",
        "Empty Sketchbook",
    }


def test_the_list_needs_the_token(practice):
    said = practice.on("web1", "curl", "-s", "-w", "%{http_code}", f"http://localhost:3000{PROJECTS}")
    assert said == '{"error":"Unauthorized"}401'


def test_avatars_have_the_26_columns_of_the_runbook(practice):
    counted = "select count(*) from information_schema.columns where table_name = 'avatars'"
    assert sql(practice, counted) == "26"
    assert sql(practice, """select count(*) from avatars where "personaName" is not null""") == "2"


def sql(practice, statement):
    return practice.on(
        "web1", "psql", "-h", "/run/postgresql", "-U", "postgres", "-Atc", statement, "lumiku"
    ).strip()


def test_a_new_project_is_kept(practice, web1):
    status, body = practice.answers(web1, "POST", body={"name": "Fresh"})
    assert status == 200
    assert [avatar["sourceType"] for avatar in json.loads(body)["avatars"]] == ["uploaded"]
    assert "Fresh" in practice.answers(web1)[1]


def test_a_light_host_has_sshd_and_no_app(practice):
    assert done(ssh(practice, "light1", "hostname")).stdout == "light1\n"
    assert practice.shell("light1", "pgrep -c 'postgres|node' || true") == "0\n"


def test_forty_connections_at_once_all_get_in(practice):
    command = ["ssh", *practice.ssh_options(), practice.address("light1")]
    clients = [
        subprocess.Popen(
            [*command, f"echo {number}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        for number in range(40)
    ]
    assert [client.communicate(timeout=60)[0] for client in clients] == [
        f"{number}\n" for number in range(40)
    ]


def test_files_go_over_sftp(practice, tmp_path):
    (tmp_path / "sent").write_text("over sftp")
    command = ["sftp", *practice.ssh_options(), "-b", "-", practice.address("web1")]
    batch = f"put {tmp_path}/sent sent\n"
    result = subprocess.run(command, input=batch, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert practice.on("web1", "cat", "sent") == "over sftp"


def test_a_terminal_is_given_to_who_asks_for_one(practice):
    command = ["ssh", "-tt", *practice.ssh_options(), practice.address("web1"), "tty"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert result.stdout.startswith("/dev/pts/")


def test_ops_becomes_the_apps_user_and_nobody_else(practice):
    if "ops" not in practice.status()["logins"]:
        pytest.skip("a lab of an ordinary user has one user number only, so no second login")
    assert done(ssh(practice, "web1", "sudo -n -u deploy whoami", user="ops")).stdout == "deploy\n"
    assert ssh(practice, "web1", "sudo -n whoami", user="ops").returncode == 1
    assert done(ssh(practice, "web1", "whoami", user="root")).stdout == "root\n"
