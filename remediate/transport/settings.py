"""What is needed to get into a host, as the inventory says it. Opens nothing."""

from pathlib import Path

from pydantic import Field

from remediate.questions import Value


class SshSettings(Value):
    """The way to one host.

    Attributes:
        name: The host's name in the inventory, for messages.
        address: Where it is: a name or an address; default: its name.
        port: TCP port. 22 leaves the word to the ssh config, where that names another.
        user: Who logs in; default: the ssh config's, else the operator.
        identity: The private key to use; default: the agent's, the ssh config's, ~/.ssh/id_*.
        known_hosts: The only file whose host keys are trusted; default: ~/.ssh/known_hosts.
        config: An ssh config to read; default: none.
        jump: The host to go through: `user@host:port`, an alias of the ssh config, or settings of its own. A plain
            text takes user, identity and known hosts from here where it and the config name none.
        become: As which user everything is done there (sudo, without a password); default: the one who logs in.
        env: Variables that every command there sees; not for secrets.
        machine_id: The only /etc/machine-id that may answer; default: whichever answers first.
        connect_timeout: Seconds for each of: connection, banner, login, a channel.
        reconnect: Seconds that a connection which broke in the middle of a run is waited for.
    """

    name: str
    address: str = ""
    port: int = Field(default=22, ge=1, le=65535)
    user: str | None = None
    identity: Path | None = None
    known_hosts: Path | None = None
    config: Path | None = None
    jump: "str | SshSettings | None" = None
    become: str | None = None
    env: dict[str, str] = {}
    machine_id: str = ""
    connect_timeout: float = 10.0
    reconnect: float = 120.0
