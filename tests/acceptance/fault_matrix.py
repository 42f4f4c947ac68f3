"""All faults on two practice grounds at once: `make matrix`. Writes docs/COVERAGE.md when all were played.

`python -m tests.acceptance.fault_matrix FAULT…` plays only these. It prints a line a fault, and the sums at the end.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.acceptance.coverage import PAGE, matrix_line, written
from tests.acceptance.trials import Stages, Trial
from tests.cures import Fault, faults
from tests.operator import Operator
from tests.practice import Practice, new_practice, put_away

WORKERS = 2
LOOKS = (("doctor",), ("health",))
"""What looks besides triage and the dry run of the fault's own playbook; the other tools are held to it elsewhere."""


def main(names: Sequence[str]) -> int:
    """Play the faults of these names, or all, and return the exit code."""
    chosen = [fault for fault in faults() if not names or fault.name in names]
    unknown = set(names) - {fault.name for fault in chosen}
    if unknown:
        print(f"no such fault: {', '.join(sorted(unknown))}; see `vagrant/lab faults`")  # noqa: T201
        return 2
    left: SimpleQueue[Fault] = SimpleQueue()
    for fault in chosen:
        left.put(fault)
    with ExitStack() as grounds, ThreadPoolExecutor(WORKERS) as pool:
        hosts = [_ground(grounds) for _ in range(min(WORKERS, len(chosen)))]
        trials = [trial for played in pool.map(lambda host: _play(left, host), hosts) for trial in played]
    if not names:
        PAGE.write_text(written(trials))
    print(matrix_line(trials))  # noqa: T201
    return 1 if any(trial.why for trial in trials) or len(trials) < len(chosen) else 0


def _ground(grounds: ExitStack) -> Practice:
    practice = new_practice()
    grounds.callback(put_away, practice)
    practice.up("--hosts", "1")
    return practice


def _play(left: SimpleQueue[Fault], practice: Practice) -> list[Trial]:
    played: list[Trial] = []
    while True:
        try:
            fault = left.get_nowait()
        except Empty:
            return played
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            trial = Stages(practice, Operator(practice, Path(folder)), Trial(fault), looks=LOOKS).play()
        practice.reset()
        seconds = f"{time.monotonic() - began:.1f} s"
        told = f"FELL  {fault.name}  after {', '.join(trial.held) or 'nothing'}  {seconds}\n{trial.why}"
        print(told if trial.why else f"held  {fault.name}: {fault.recognised_by}  {seconds}", flush=True)  # noqa: T201
        played.append(trial)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the grounds are put away, however it is ended
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("interrupted: not all faults were played")
