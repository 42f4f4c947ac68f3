"""Writes the pages that stand beside this file: `remediate explain` of each playbook. A test holds them to the code."""

# ruff: noqa: INP001  (a script, no package)

from collections.abc import Iterable, Iterator
from pathlib import Path

from remediate.catalogue import CATALOGUE
from remediate.explaining import Explanation, explain
from remediate.playbook import load_playbook, playbook_files
from remediate.sinks.explanation_markdown import explanation_markdown

HERE = Path(__file__).parent
PLAYBOOKS = HERE.parents[1] / "playbooks"
KINDS = {
    "cure": "Cures",
    "tells": "Those that only tell, and leave the cure to a person",
    "tool": "Tools, which only look",
}


def pages() -> dict[str, str]:
    """Return each page under its file's name."""
    told = [explain(load_playbook(path, CATALOGUE)) for path in playbook_files(PLAYBOOKS)]
    written = {
        f"{one.name}.md": f"{explanation_markdown(one)}\n[{_SOURCE}](../../playbooks/{one.name}.yml)\n"
        for one in told
    }
    return {"README.md": "\n".join(_index(told)), **written}


_SOURCE = "The playbook itself"


def _index(told: Iterable[Explanation]) -> Iterator[str]:
    yield "# The playbooks, told in sentences\n"
    yield (
        "What `remediate explain PLAYBOOK` says of each playbook that comes with this program, written by\n"
        "`python docs/playbooks/write.py`. How to write one stands in [PLAYBOOKS.md](../PLAYBOOKS.md).\n"
    )
    for kind, heading in KINDS.items():
        yield f"## {heading}\n"
        yield "| playbook | what is wrong, or what it tells | risk | unattended |\n|---|---|---|---|"
        for one in told:
            if one.kind == kind:
                yield f"| [{one.name}]({one.name}.md) | {one.title} | {_risk(one)} | {_unattended(one)} |"
        yield ""


def _risk(told: Explanation) -> str:
    return told.risk if told.fix else "nothing is changed"


def _unattended(told: Explanation) -> str:
    return f"{told.auto} an hour" if told.auto else "no" if told.fix else ""


if __name__ == "__main__":
    for name, page in pages().items():
        (HERE / name).write_text(page, encoding="utf-8")
