"""Brings a message to the services that contacts are reached by, several times where one does not take it.

It decides nothing about whom to tell, and writes nothing down. A URL is a secret: it goes in, and never comes out.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from remediate.clock import Clock
from remediate.questions import Value

PAUSES = (2.0, 8.0)
"""Seconds before the second try and before the third, the last one."""
NO_SERVICE = "no service"
"""What stands for a service where there is no URL that names one."""
_TOKEN_LENGTH = 8


class Message(Value):
    """What is brought.

    Attributes:
        subject: On one line.
        whole: All of it.
        brief: What a service gets that takes no more.
        file: The path of the whole, for services that take files; empty where it could not be written.
    """

    subject: str
    whole: str
    brief: str
    file: str = ""


@dataclass(frozen=True)
class Address:
    """Where somebody is reached.

    Attributes:
        contact: Who.
        url: The URL of apprise.
    """

    contact: str
    url: str = field(repr=False)

    @property
    def service(self) -> str:
        """By which service: the URL's scheme, which is no secret."""
        met = re.match(r"[a-z][a-z0-9]{0,19}(?=://)", self.url)
        return met[0] if met else NO_SERVICE


class Sent(Value):
    """What a service said to one try.

    Attributes:
        taken: Whether it took the message.
        again: Whether another try may help.
        why: Why it did not, in a line that is not masked yet.
    """

    taken: bool
    again: bool = True
    why: str = ""


Send: TypeAlias = Callable[[Sequence[str], Message], Sequence[Sent]]
"""Tries each URL once, and returns what became of it, in their order."""


class Told(Value):
    """What became of telling somebody.

    Attributes:
        contact: Who.
        service: By which service.
        delivered: Whether it took the message.
        tries: How often it was tried; 0 where no URL could be had.
        why: Why it did not, in a line that is not masked yet.
    """

    contact: str
    service: str
    delivered: bool
    tries: int
    why: str = ""


def deliver(addresses: Sequence[Address], message: Message, send: Send, clock: Clock) -> tuple[Told, ...]:
    """Bring a message to each address, three times at most.

    Args:
        addresses: Where to.
        message: What.
        send: Tries URLs once.
        clock: Waits between tries.

    Returns:
        What became of it, in the addresses' order.
    """
    told: dict[int, Told] = {}
    for tries, pause in enumerate((0.0, *PAUSES), start=1):
        left = [place for place in range(len(addresses)) if place not in told]
        if not left:
            break
        if pause:
            clock.sleep(pause)
        last = tries > len(PAUSES)
        for place, sent in zip(left, send([addresses[place].url for place in left], message), strict=True):
            if sent.taken or last or not sent.again:
                told[place] = _told(addresses[place], sent, tries)
    return tuple(told[place] for place in range(len(addresses)))


def _told(address: Address, sent: Sent, tries: int) -> Told:
    return Told(
        contact=address.contact,
        service=address.service,
        delivered=sent.taken,
        tries=tries,
        why=sent.why,
    )


def unreachable(contact: str, why: str) -> Told:
    """Return what becomes of telling somebody whose URL cannot be had.

    Args:
        contact: Who.
        why: Why not, in a line that is not masked yet.
    """
    return Told(contact=contact, service=NO_SERVICE, delivered=False, tries=0, why=why)


def quiet(text: str) -> str:
    """Return text in which chats find nobody to call and no link to make: a character of no width keeps it apart."""
    return text.replace("@", "@\u200b").replace("<", "<\u200b")


def secrets_in(url: str) -> tuple[str, ...]:
    """Return what of a URL is to be masked: all of it, and each part that may be a password or a token.

    A name of a host stays, and a word of its path: a masked word would be masked wherever it stands.
    """
    try:
        parts = urlsplit(url)
        words = [parts.username, parts.password, *parts.path.split("/"), *_values(parts.query)]
        host = parts.netloc.rpartition("@")[2]
    except ValueError:  # it is no URL that can be told apart
        return (url,)
    found = [word for word in (*words, host, parts.fragment) if word and _may_be_a_token(word)]
    password = [parts.password] if parts.password else []
    return tuple(dict.fromkeys((url, *password, *found, *map(unquote, (*password, *found)))))


def _values(query: str) -> list[str]:
    return [value for _, value in parse_qsl(query)]


def _may_be_a_token(word: str) -> bool:
    mixed = re.search(r"\d", word) or (word.lower() != word != word.capitalize())
    return len(word) >= _TOKEN_LENGTH and "." not in word and bool(mixed) and not word.startswith("localhost")
