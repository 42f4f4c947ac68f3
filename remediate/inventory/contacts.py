"""Whom to call, as an inventory says it: levels, what for, how they are reached. It calls nobody.

What a contact's `notify` names is a URL of apprise with a token or password in it: a reference here, fetched when it
is used.
"""

from remediate.inventory.files import beside
from remediate.inventory.references import Reference, SecretText
from remediate.inventory.written import ContactText
from remediate.questions import Value
from remediate.text.strict_yaml import Document


class Contact(Value):
    """Somebody to call.

    Attributes:
        level: 1 is called first.
        name: Who.
        topics: For what; empty for everything.
        how: Telephone, mail or chat, for a person to use.
        notify: Where the URLs that reach them are to be had.
        after: Seconds from an incident's first escalation until it is their turn, too; None where time calls nobody.
    """

    level: int
    name: str
    topics: tuple[str, ...] = ()
    how: str = ""
    notify: tuple[Reference, ...] = ()
    after: float | None = None


def contacts_of(written: tuple[ContactText, ...], document: Document) -> tuple[Contact, ...]:
    """Return the contacts of an inventory, first level first, those of one level in the file's order.

    Raises:
        InventoryError: Two have one name, by which alone it is known who was reached.
    """
    _check_names(written, document)
    read = (_contact(number, one, document) for number, one in enumerate(written))
    return tuple(sorted(read, key=lambda contact: contact.level))


def _check_names(written: tuple[ContactText, ...], document: Document) -> None:
    named: dict[str, int] = {}
    for number, one in enumerate(written):
        if named.setdefault(one.name, number) != number:
            what = f"`{one.name}` is the name of `contacts[{named[one.name] + 1}]`, too"
            todo = "name them apart, or write one with all `notify`"
            raise document.error(("contacts", number, "name"), what, todo)


def _contact(number: int, written: ContactText, document: Document) -> Contact:
    return Contact(
        level=written.level,
        name=written.name,
        topics=written.for_,
        how=written.how,
        notify=tuple(_reference(number, place, one, document) for place, one in enumerate(written.notify)),
        after=written.after,
    )


def _reference(number: int, place: int, written: SecretText, document: Document) -> Reference:
    folder = document.path.parent.absolute()
    return Reference(
        name=f"notify of {document.value['contacts'][number]['name']}",
        where=document.where(("contacts", number, "notify", place)),
        folder=str(folder),
        env=written.env or "",
        file=beside(folder, written.file) if written.file else "",
        command=written.command or (),
    )
