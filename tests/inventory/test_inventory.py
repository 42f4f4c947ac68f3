from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import InventoryError, UsageError
from remediate.inventory import Inventory, find_inventory, load_inventory
from remediate.schemas import inventory_schema

ROOT = Path(__file__).parents[2]

TEXT = """\
environment: lab
policy: {confirm: type-name, reason: required, forbid: [opaque], hosts_at_once: 1, auto: {allowed: false}}
ssh: {user: deploy, known_hosts: known_hosts, connect_timeout: 5s}
groups:
  backend:
    become: app
    env: {NODE_ENV: production, PORT: 3000, WHERE: "{{ app.backend }}"}
    vars:
      app: {name: lumiku, root: /srv/lumiku, backend: "{{ app.root }}/backend", port: 3000}
      label: "{{ app.name }} on {{ host.name }}"
    database:
      url: {env_file: "{{ app.backend }}/.env", key: DATABASE_URL}
    secrets:
      token: {env: AVATAR_TOKEN}
    hosts:
      web1: {address: 192.0.2.11}
      web2:
        address: 192.0.2.12
        port: 2222
        become: other
        ssh: {jump: bastion, user: root, config: null}
        vars: {app: {root: /opt/lumiku}}
        env: {NODE_ENV: staging}
        secrets: {token: {file: token}}
      web10: {machine_id: 0123456789abcdef0123456789abcdef}
  light:
    ssh: {port: 2200}
    hosts:
      little: {address: 192.0.2.20}
contacts:
  - level: 2
    name: Database Administrator
    for: [database]
    notify: [{env: PAGER_URL}, {file: pager}, {command: [pass, show, pager]}]
    after: 10m
  - {level: 1, name: Team Lead}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Inventory]:
    def from_text(old: str = "", new: str = "") -> Inventory:
        assert old in TEXT
        path = tmp_path / "lab.yml"
        path.write_text(TEXT.replace(old, new, 1))
        return load_inventory(path)

    return from_text


@pytest.fixture
def lab(load: Callable[..., Inventory]) -> Inventory:
    return load()


def host(inventory: Inventory, name: str) -> Any:
    return inventory.select([name])[0]


def test_an_inventory_says_what_it_says(lab: Inventory) -> None:
    assert (lab.environment, lab.development, lab.groups) == ("lab", False, ("backend", "light"))
    assert [host.name for host in lab.hosts] == ["web1", "web2", "web10", "little"]
    assert (lab.policy.confirm, lab.policy.forbid, lab.policy.hosts_at_once) == ("type-name", ("opaque",), 1)
    assert [(contact.level, contact.topics) for contact in lab.contacts] == [(1, ()), (2, ("database",))]


def test_a_contact_is_reached_by_references_and_may_have_a_time(lab: Inventory) -> None:
    leader, administrator = lab.contacts
    assert (leader.notify, leader.after, administrator.after) == ((), None, 600.0)
    by_name, by_file, by_command = administrator.notify
    assert (by_name.env, by_command.command) == ("PAGER_URL", ("pass", "show", "pager"))
    assert by_file.file == str(lab.path.parent / "pager")
    assert by_name.name == "notify of Database Administrator"
    assert by_file.where.startswith(f"{lab.path}:")


@pytest.mark.parametrize(
    "wrong",
    ["notify: [https://example.org/token]", "notify: [{env: A, file: b}]", "after: soon", "after: -1"],
)
def test_a_contact_of_another_shape_is_refused_with_its_place(
    load: Callable[..., Inventory], wrong: str
) -> None:
    with pytest.raises(InventoryError, match=r"lab\.yml:\d+:\d+"):
        load("name: Team Lead}", f"name: Team Lead, {wrong}}}")


def test_the_nearest_word_counts(lab: Inventory) -> None:
    first, second = host(lab, "web1"), host(lab, "web2")
    assert (first.user, first.port, first.jump, first.become) == ("deploy", 22, None, "app")
    assert (second.user, second.port, second.jump, second.become) == ("root", 2222, "bastion", "other")
    assert second.config is None
    assert host(lab, "little").port == 2200
    assert host(lab, "little").connect_timeout == 5.0
    assert first.env["NODE_ENV"] == "production"
    assert second.env["NODE_ENV"] == "staging"
    assert first.secrets["token"].env == "AVATAR_TOKEN"
    assert second.secrets["token"].file.endswith("/token")


def test_a_host_without_an_address_is_where_its_name_says(lab: Inventory) -> None:
    assert host(lab, "web10").address == "web10"


def test_a_host_may_say_which_machine_it_is(lab: Inventory) -> None:
    assert host(lab, "web10").machine_id == "0123456789abcdef0123456789abcdef"
    assert host(lab, "web1").machine_id == ""


def test_templates_follow_what_a_host_says_itself(lab: Inventory) -> None:
    assert host(lab, "web1").vars["app"]["backend"] == "/srv/lumiku/backend"
    assert host(lab, "web2").vars["app"]["backend"] == "/opt/lumiku/backend"
    assert host(lab, "web2").vars["app"]["port"] == 3000
    assert host(lab, "web2").vars["label"] == "lumiku on web2"
    assert host(lab, "web2").database.url.env_file == "/opt/lumiku/backend/.env"
    assert host(lab, "web1").env == {"NODE_ENV": "production", "PORT": "3000", "WHERE": "/srv/lumiku/backend"}


def test_files_are_beside_the_inventory(lab: Inventory) -> None:
    assert host(lab, "web1").known_hosts == str(lab.path.parent / "known_hosts")


def test_a_playbook_sees_the_host_its_app_and_nothing_secret(lab: Inventory) -> None:
    scope = host(lab, "web2").scope
    assert set(scope) == {"host", "app", "database"}
    assert set(scope["host"]) == {"name", "address", "environment", "group", "user", "vars"}
    assert scope["app"]["root"] == "/opt/lumiku"


def test_a_host_survives_json(lab: Inventory) -> None:
    for one in lab.hosts:
        assert type(one).model_validate_json(one.model_dump_json()) == one


WRONG = [
    ("environment:", "enviroment:", "1:1: unknown key `enviroment`; did you mean `environment`?"),
    ("confirm: type-name", "confirm: maybe", "2:19: `confirm` must be one of `none`, `yes` or `type-name`"),
    ("forbid: [opaque]", "forbid: [opake]", "2:57: `forbid[1]` must be one of `opaque` or `no-way-back`"),
    ("hosts_at_once: 1", "approvals: 2", "2:9: `policy` must be given `approvers` where it wants approvals"),
    ("user: deploy", "usr: deploy", "3:7: unknown key `usr`; did you mean `user`?"),
    ("connect_timeout: 5s", "connect_timeout: soon", "3:64: `connect_timeout` must be a duration"),
    ("NODE_ENV: production", "NODE ENV: x", "7:21: `NODE ENV` must be text like"),
    ("PORT: 3000", "PORT: true", "7:39: `PORT` must be text"),
    ("{{ app.root }}", "{{ app.rot }}", "9:55: `app` has no `rot`; did you mean `root`?"),
    ("{{ app.root }}", "{{ app.port }}", "9:55: `app` has no `port`"),
    ("{{ host.name }}", "{{ hots.name }}", "10:14: `hots` is not known here; did you mean `host`?"),
    (
        "{{ app.backend }}/.env",
        "{{ app.bckend }}/.env",
        "12:23: `app` has no `bckend`; did you mean `backend`?",
    ),
    ("env_file:", "envfile:", "12:13: unknown key `envfile`; did you mean `env_file`?"),
    ("{env: AVATAR_TOKEN}", "{env: A, file: b}", "14:14: `token` must be exactly one of env, file, command"),
    ("{env: AVATAR_TOKEN}", "s3cret-value", "14:14: `token` must be a mapping"),
    ("{env: AVATAR_TOKEN}", "{command: pass show x}", "14:24: `command` must be a list"),
    ("address: 192.0.2.11", "adress: 192.0.2.11", "16:14: unknown key `adress`; did you mean `address`?"),
    ("port: 2222", "machine-id: x", "19:9: unknown key `machine-id`; did you mean `machine_id`?"),
    ("port: 2222", "machine_id: 4711", "19:21: `machine_id` must be text"),
    ("port: 2222", "machine_id: ABC", "19:21: `machine_id` must be text like"),
    ("port: 2222", "port: 99999", "19:15: `port` must be at most 65535"),
    ("port: 2222", "port: '2222'", "19:15: `port` must be a whole number"),
    ("{root: /opt/lumiku}", "{root: '{{ nothing }}'}", "22:28: `nothing` is not known here"),
    ("  light:\n", "  all:\n", "26:3: `all` means every host; name the group otherwise"),
    ("little:", "web1:", "29:7: `web1` is already in the group `backend`; name the host otherwise"),
    ("little:", "backend:", "29:7: `backend` is a group's name; name the host otherwise"),
    ("label:", "host:", "10:13: `host` is the host itself; rename it"),
    ("level: 2", "level: 0", "31:12: `level` must be at least 1"),
    (
        "name: Team Lead",
        "name: Database Administrator",
        "36:22: `Database Administrator` is the name of `contacts[1]`, too; name them apart",
    ),
    (
        "{file: pager}",
        "{file: ~nosuchuser/pager}",
        "34:39: `file` must be in a home that there is here, and ~nosuchuser is none; write the whole path",
    ),
    ("{env: AVATAR_TOKEN}", "{file: ~nosuchuser/t}", "14:21: `file` must be in a home that there is here"),
    (
        "{env: AVATAR_TOKEN}",
        "{file: '~nosuchuser/{{ app.name }}'}",
        "14:21: `file` must be in a home that there is here",
    ),
    ("known_hosts: known_hosts", "identity: ~nosuchuser/key", "3:31: `identity` must be in a home that"),
    ("known_hosts: known_hosts", "config: ~nosuchuser/config", "3:29: `config` must be in a home that"),
    ("reason: required", "approvers: ~nosuchuser/a", "2:41: `approvers` must be in a home that there is"),
    ("{env: AVATAR_TOKEN}", '{file: "a\\0b"}', "14:21: `file` must be a path, and no path has a NUL"),
    ("[pass, show, pager]", '[pass, "a\\0b"]', "34:57: `command` must be without a NUL, which no argument"),
    ("{env: AVATAR_TOKEN}", '{command: ["a\\0b"]}', "14:24: `command` must be without a NUL, which"),
    (
        "contacts:",
        "watch: {listener: {bearer: {file: ~nosuchuser/key}}}\ncontacts:",
        "30:35: `file` must be in a home that there is here",
    ),
    (
        "contacts:",
        'watch: {prometheus: {url: {command: ["a\\0b"]}}}\ncontacts:',
        "30:37: `command` must be without a NUL",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG, ids=[f"{old} -> {new}" for old, new, _ in WRONG])
def test_a_wrong_inventory_is_refused_with_its_place_and_a_hint(
    load: Callable[..., Inventory], old: str, new: str, message: str
) -> None:
    with pytest.raises(InventoryError) as caught:
        load(old, new)
    assert f"lab.yml:{message}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("made", "message"),
    [("~nosuchuser", "`file` must be in a home"), ('"a\\0"', "`file` must be a path, and no path has a NUL")],
)
def test_what_a_template_makes_of_a_path_is_looked_at_too(
    load: Callable[..., Inventory], made: str, message: str
) -> None:
    env = "}}\n        env: {NODE_ENV: staging}\n        secrets: {token: {file: "
    with pytest.raises(InventoryError, match=r"lab\.yml:24:33: ") as caught:
        load(f"/opt/lumiku{env}token", f"{made}{env}'{{{{ app.root }}}}/t'")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["all"], ["web1", "web2", "web10", "little"]),
        (["web2", "web1"], ["web1", "web2"]),
        (["web2,web1", "web1"], ["web1", "web2"]),
        (["backend"], ["web1", "web2", "web10"]),
        (["web*"], ["web1", "web2", "web10"]),
        (["web?"], ["web1", "web2"]),
        (["back*,!web2"], ["web1", "web10"]),
        (["!backend"], ["little"]),
        (["all", "!web1*"], ["web2", "little"]),
        ([" web1 , "], ["web1"]),
    ],
)
def test_on_takes_hosts_groups_globs_lists_and_exclusions(
    lab: Inventory, patterns: list[str], names: list[str]
) -> None:
    assert [host.name for host in lab.select(patterns)] == names


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (["wbe1"], "--on wbe1: .* has no such host or group; did you mean `web1`"),
        (["db*"], "has no such host or group"),
        (["all,!wbe1"], "has no such host or group; did you mean `web1`"),
        (["web1", "!web1"], "no host is left"),
        ([], "no host is left"),
        ([","], "no host is left"),
    ],
)
def test_on_says_which_word_it_does_not_know(lab: Inventory, patterns: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        lab.select(patterns)


def test_the_inventory_is_the_one_given_or_named_or_the_only_one(tmp_path: Path) -> None:
    (tmp_path / "staging.yml").touch()
    only = find_inventory(None, {}, tmp_path)
    (tmp_path / "production.yaml").touch()
    assert only == tmp_path / "staging.yml"
    assert find_inventory("production", {}, tmp_path) == tmp_path / "production.yaml"
    assert find_inventory(str(only), {}, Path("nowhere")) == only
    assert find_inventory(None, {"REMEDIATE_INVENTORY": "staging"}, tmp_path) == only
    assert find_inventory("production", {"REMEDIATE_INVENTORY": "staging"}, tmp_path).stem == "production"
    with pytest.raises(UsageError, match="several inventories; say -i production or -i staging"):
        find_inventory(None, {}, tmp_path)
    with pytest.raises(UsageError, match=r"-i stagin: .*did you mean `staging`"):
        find_inventory("stagin", {}, tmp_path)
    with pytest.raises(UsageError, match="there is no such file"):
        find_inventory("./none.yml", {}, tmp_path)
    with pytest.raises(UsageError, match="there is no inventory in"):
        find_inventory(None, {}, tmp_path / "empty")


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_examples_load_and_reach_nothing(name: str) -> None:
    inventory = load_inventory(ROOT / "inventory" / f"{name}.yml")
    assert inventory.environment == name
    documentation = ("192.0.2.", "198.51.100.", "203.0.113.")  # RFC 5737
    assert all(host.address.startswith(documentation) for host in inventory.hosts)


def test_every_key_there_is_stands_in_the_production_example() -> None:
    text = (ROOT / "inventory" / "production.yml").read_text()
    schema = inventory_schema()
    keys = {key for part in (schema, *schema["$defs"].values()) for key in part.get("properties", {})}
    assert {key for key in keys if f"{key}:" not in text and f"{key} |" not in text} == set()
