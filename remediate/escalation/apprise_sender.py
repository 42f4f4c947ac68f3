"""Tries URLs of apprise once each: a program of its own, told on standard input. It imports nothing of this package.

apprise reads some two hundred services' modules when it starts, some of which warn, and its services keep connections
and threads: all of it ends with this process, and a service that never answers can be ended. URLs stand in no argument.
"""

import json
import logging
import sys
from typing import Any

import apprise

_ROOM = 2
"""Characters between a title and a body, where a service has no titles."""
_LISTENING: Any = apprise.LogCapture


def main() -> None:
    """Read an order as JSON, and print what became of each of its URLs, each at once: the next may hang for good."""
    order, printed = json.load(sys.stdin), sys.stdout
    sys.stdout = sys.stderr  # whatever a service prints is no answer of ours
    for url in order["urls"]:
        printed.write(json.dumps(_sent(url, order)) + "\n")
        printed.flush()


def _sent(url: str, order: dict[str, str]) -> dict[str, Any]:
    asset = apprise.AppriseAsset(app_id="remediate", app_desc="remediate", app_url="", async_mode=False)
    with _LISTENING(level=logging.WARNING, fmt="%(message)s") as said:
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if not isinstance(service, apprise.NotifyBase):
            return {"taken": False, "again": False, "why": "apprise knows no such URL"}
        taken = _notify(service, asset, order)
        lines = said.getvalue().strip().splitlines()
    return {
        "taken": taken,
        "again": True,
        "why": "" if taken else "; ".join(lines[-2:]) or "it was not taken",
    }


def _notify(service: Any, asset: Any, order: dict[str, str]) -> bool:
    room = int(service.body_maxlen) - (0 if service.title_maxlen else len(order["subject"]) + _ROOM)
    whole = len(order["whole"]) <= room
    one = apprise.Apprise(asset=asset)
    one.add(service)
    return bool(
        one.notify(
            title=order["subject"],
            body=order["whole"] if whole else order["brief"][: max(room, 1)],
            body_format=apprise.NotifyFormat.TEXT,
            attach=order["file"] if order["file"] and service.attachment_support and not whole else None,
        )
    )


if __name__ == "__main__":
    main()
