"""One run over many rows and its way back, in a process of its own: `fix SOCKETS PORT DATABASE FOLDER BATCH`.

The engine, the audit log on disk and the actions are the real ones; a host is not needed for what is measured. Prints
one JSON object: seconds and bytes of log of each part, and the runner's memory at its peak after each.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Outcome
from remediate.rollback import Rollback
from remediate.transport.database import Database
from remediate.transport.trips import Trips
from tests.bench.sample import Sample
from tests.database.conftest import PASSWORD, Cluster, DirectForwards, binaries
from tests.database.test_rows_killed import RunnerTarget
from tests.engine.conftest import Rehearsal
from tests.engine.test_resumption import confirmed

PLAYBOOK = """
name: two-files
title: Avatars without a source
on: backend
diagnose:
  - name: every avatar has a source
    sql.nulls: {{table: avatars, columns: [sourceType], schema_file: none}}
fix:
  - name: fill it in
    sql.update_rows:
      table: avatars
      where: [{{column: sourceType, operator: is null}}]
      set: {{sourceType: uploaded}}
      expect: {{rows: 1..1000000}}
      batch: {batch}
verify:
  - name: every avatar has a source
    sql.nulls: {{table: avatars, columns: [sourceType], schema_file: none}}
within: 1s
stable: 0s
"""


def memory() -> float:
    """Return this process's memory at its peak, in MB (`VmHWM`: what a parent had before it is not in it)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main(sockets: str, port: str, dbname: str, folder: str, batch: str) -> None:
    """Look, carry out, and roll back; print what each took."""
    server = Sample(Cluster(Path(sockets), int(port), [], binaries() or Path()), dbname, 0)
    told: dict[str, object] = {"bare_mb": memory()}

    def part(name: str, work: Callable[[], object]) -> object:
        wal, began = server.wal(), time.perf_counter()
        done = work()
        told[f"{name}_s"] = time.perf_counter() - began
        told[f"{name}_wal"], told[f"{name}_mb"] = server.wal() - wal, memory()
        return done

    with Journal.open(Path(folder) / "state", Masker([PASSWORD])) as journal:
        reach = Database(lambda: server.url, DirectForwards(server.cluster), Trips())
        run = Rehearsal(Path(folder), None, journal)  # type: ignore[arg-type]
        run.write_playbook(PLAYBOOK.format(batch=batch))
        host_run = run.host_run(RunnerTarget(reach))
        look = part("look", host_run.look)
        ending = part("fix", lambda: host_run.carry_out(look))  # type: ignore[arg-type]
        assert ending.outcome is Outcome.FIXED, ending  # type: ignore[attr-defined]
        server.sql("CHECKPOINT")
        way_back = Rollback(RunnerTarget(reach), run.runner)  # type: ignore[arg-type]
        settled = part("back", lambda: way_back.walk(confirmed(run).fixes))  # type: ignore[union-attr]
        assert (settled.problem, settled.difference) == ("", ""), settled  # type: ignore[attr-defined]
        reach.close()
    print(json.dumps(told))  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])
