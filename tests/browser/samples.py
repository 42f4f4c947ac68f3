"""Plans as the practice ground makes them, and worse ones, as values. No host is asked, no page is made."""

from remediate.hazard import Hazard, Severity
from remediate.journal import Operator
from remediate.model import Change, Fidelity, Finding, Outcome, WayBack
from remediate.review import PlanDocument, PlannedHost, PlannedStep

MADE = 1_795_000_000.0
DATABASE = "lumiku (7710942855234325448/16385)"
HOSTILE = (
    "<script>document.title='owned';console.log(1)</script><img src=http://192.0.2.1/x.png onerror=alert(1)>"
    "\x1b[31m\x1b]0;x\x07 \u202egnp.exe\u202c @everyone #12 [x](javascript:1) ``` </pre></details></style> "
)
REPOSITORY_FILE = "/srv/lumiku/backend/src/apps/avatar-creator/repositories/avatar-creator.repository.ts"

ALTER = Change(
    what="add 3 columns to avatars",
    target="table public.avatars",
    script=(
        'ALTER TABLE "public"."avatars"\n  ADD COLUMN "personaName" TEXT,\n'
        "  ADD COLUMN \"sourceType\" TEXT NOT NULL DEFAULT 'uploaded', -- as schema.prisma has it\n"
        '  ADD COLUMN "usageCount" INTEGER NOT NULL DEFAULT 0;'
    ),
    notes=(
        "lock: ACCESS EXCLUSIVE (nobody reads or writes the table meanwhile), waited for 1 s at a time, 5 tries",
        "live size: 12.4 MB, some 48,000 rows",
        "would have to wait now for: nobody",
        "Prisma's migration history is not touched: a pending migration that adds the same column would fail",
    ),
    hazards=(
        Hazard(
            rule="alter-table",
            severity=Severity.NOTE,
            about="avatars",
            lock="ACCESS EXCLUSIVE",
            work="catalog only",
            blocks="blocks every reader and writer for milliseconds, once it has the lock",
            seconds=0.0,
            why="keeps the lock until the commit, and whoever comes later waits behind it",
        ),
        Hazard(
            rule="lock-held",
            severity=Severity.WARNING,
            about="avatars",
            lock="ACCESS EXCLUSIVE",
            work="catalog only",
            seconds=1.4,
            why="another statement of the same transaction runs while the lock is held",
            safer="a transaction of its own",
        ),
    ),
    fidelity=Fidelity.EXACT,
    way_back=WayBack.EXACT,
    way_back_note="drops these columns; values written to them meanwhile are kept in remediate.saved before",
    risk="schema",
)
MEND = Change(
    what="mend 1 import in src/apps/avatar-creator/repositories/avatar-creator.repository.ts",
    target=REPOSITORY_FILE,
    diff=(
        f"--- a{REPOSITORY_FILE}\n+++ b{REPOSITORY_FILE}\n@@ -1,4 +1,4 @@\n"
        "-import { prisma } from '../../../db/client'\n+import prisma from '../../../db/client'\n"
        " \n export interface NewAvatar {\n   id?: string\n"
    ),
    fidelity=Fidelity.EXACT,
    way_back=WayBack.EXACT,
    way_back_note="the old bytes are put back, with owner, mode and time, if nobody has changed the file since",
    risk="config",
)
BUILD = Change(
    what="build /srv/lumiku/backend aside and swap dist",
    target="/srv/lumiku/backend/dist",
    script="npm run build",
    assumed="“mend the imports” will change it",
    fidelity=Fidelity.REHEARSED,
    way_back=WayBack.EXACT,
    way_back_note="the build before is kept beside it as .dist.remediate-…, and renamed back",
    risk="build",
)
RESTART = Change(
    what="restart lumiku-backend",
    target="lumiku-backend",
    script="pm2 restart lumiku-backend",
    notes=("downtime: about a second, for it is not in cluster mode", "what it runs will have changed"),
    assumed="an earlier step will change what it runs",
    fidelity=Fidelity.ESTIMATE,
    way_back=WayBack.EQUIVALENT,
    way_back_note="restarted again once what it runs has been put back",
    risk="restart",
)
FREE = Change(
    what="run ./tidy.sh --all",
    target="command: ./tidy.sh --all",
    script="./tidy.sh --all 2>&1 | tail -n 20",
    hazards=(
        Hazard(rule="truncate", severity=Severity.STOP, why="all rows are lost", allowed=True, way_down=True),
    ),
    fidelity=Fidelity.OPAQUE,
    way_back=WayBack.NONE,
    way_back_note="nobody knows what it does",
    risk="data",
)
MISSING = Finding(
    check="every column of the Prisma model is in the table",
    healthy=False,
    seen="3 of 26 columns are missing in avatars",
    evidence=tuple(f"missing: avatars.{name} TEXT" for name in ("personaName", "sourceType", "usageCount")),
)
WELL = Finding(
    check="the build is whole and made from these sources", healthy=True, seen="dist is up to date"
)


STEPS = {
    "schema": "add the missing columns",
    "config": "mend the imports",
    "build": "build",
    "restart": "restart",
}


def planned(name: str, *changes: Change, database: str = "", **other: object) -> PlannedHost:
    """Return a host on which these changes would be made."""
    fixes = tuple(
        PlannedStep(
            step=STEPS.get(change.risk, "tidy up"),
            action="files.replace",
            changes=(change,),
            marks=(f"{name}{number}",),
        )
        for number, change in enumerate(changes, start=1)
    )
    idle = PlannedStep(step="bring the client up to date", action="prisma.generate", changes=(), marks=())
    known = {
        "host": name,
        "host_key": f"SHA256:{name}Qk7HerWpSDDUoVlZa8AOcC6HlgcaXPqlsiDcF0l",
        "database": database,
        "outcome": Outcome.PLANNED,
        "findings": (MISSING, WELL),
        "fixes": (*fixes, idle),
        "say": "3 columns will be added to avatars.",
    }
    return PlannedHost.model_validate(known | other)


def plan_of(*hosts: PlannedHost, **other: object) -> PlanDocument:
    """Return a plan for these hosts."""
    known = {
        "version": "0.1.0",
        "made": MADE,
        "expires": MADE + 3600,
        "made_by": Operator(user="ada", machine="runner"),
        "reason": "INC-4711 the API answers 500",
        "environment": "production",
        "inventory_digest": "1" * 64,
        "playbook": "missing-columns",
        "playbook_digest": "2" * 64,
        "title": "A column that the Prisma schema has is missing in the database",
        "risk": "schema",
        "hosts": hosts,
    }
    return PlanDocument.model_validate(known | other)


def hostile() -> PlanDocument:
    """Return a plan with texts as somebody who owns a host would write them."""
    finding = Finding(check=HOSTILE, healthy=False, seen=HOSTILE, evidence=(HOSTILE, "a" * 3000))
    change = Change(
        what=HOSTILE,
        target=HOSTILE + "t" * 900,
        diff=f"+{HOSTILE}\n-{'x' * 5000}\n \u2028+{HOSTILE}",
        script=HOSTILE * 3,
        notes=(f"live size: {HOSTILE}", HOSTILE),
        hazards=(Hazard(rule="r", severity=Severity.WARNING, why=HOSTILE, blocks=HOSTILE),),
        fidelity=Fidelity.OPAQUE,
        way_back=WayBack.NONE,
        way_back_note=HOSTILE,
        risk="data",
        assumed=HOSTILE,
    )
    host = planned(
        "web1", change, findings=(finding,), say=HOSTILE, why=HOSTILE, host_key=HOSTILE, database=HOSTILE
    )
    other = planned("web2", change, RESTART, why=HOSTILE)
    return plan_of(host, other, title=HOSTILE, reason=HOSTILE, risk=HOSTILE, variables={"name": HOSTILE})


def fleet() -> PlanDocument:
    """Return a plan for 20 hosts on one database, and some that are not like them."""
    alike = [planned(f"web{number}", ALTER, BUILD, RESTART, database=DATABASE) for number in range(1, 21)]
    well = planned(
        "web21", outcome=Outcome.HEALTHY, findings=(WELL,), say="", why="nothing to do", database=DATABASE
    )
    lost = PlannedHost(host="web22", outcome=Outcome.BLOCKED, why="web22: no route to host; see to it")
    return plan_of(*alike, well, lost)


def long() -> PlanDocument:
    """Return a plan with a diff of 5,000 lines."""
    lines = "\n".join(f"{'+-'[number % 2]}const line{number} = {number}" for number in range(5000))
    return plan_of(planned("web1", MEND.model_copy(update={"diff": lines}), RESTART))


PLANS = {
    "plan-columns": plan_of(planned("web1", ALTER, RESTART, database=DATABASE)),
    "plan-import": plan_of(planned("web1", MEND, BUILD, RESTART), planned("web2", MEND, FREE)),
    "plan-healthy": plan_of(
        planned("web1", outcome=Outcome.HEALTHY, findings=(WELL,), say="", why="nothing to do")
    ),
    "plan-fleet": fleet(),
    "plan-hostile": hostile(),
    "plan-long": long(),
}
