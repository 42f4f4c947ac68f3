"""What really changed a host, counted by witnesses of its own: `remediate` is not asked.

Programs that change things are found in a folder that comes first in PATH, and write themselves down before they run.
What changes the database is written down by the database, in the transaction that does it. Both lie where no picture
of the host looks.
"""

import json
import re
from collections import Counter

from tests.practice import Practice

FOLDER = "/home/deploy/.cache/witness"
PATH = f"{FOLDER}/bin:/usr/local/bin:/usr/bin:/bin"
PROGRAMS = ("node", "npm", "npx", "pm2", "mv", "ln")
WITNESS = r"""#!/bin/sh
# Writes itself down where it runs as part of a job, or renames something, and becomes the real program.
whole=$PATH PATH=${PATH%%FOLDER/bin:*}${PATH#*FOLDER/bin:}
name=${0##*/} pid=$$ job=
case $name in
  mv | ln) job=yes ;;
  *)
    while [ -z "$job" ] && [ "$pid" -gt 1 ]; do
      ! grep -qs remediate-job "/proc/$pid/cmdline" || job=yes
      pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
    done ;;
esac
[ -z "$job" ] || printf '%s' "$name $*" | tr '\n' ' ' | sed 's/$/\n/' >>FOLDER/seen
real=$(command -v "$name")
PATH=$whole
exec "$real" "$@"
"""
INSTALL = r"""
folder=$1 script=$2
shift 2
rm -rf -- "$folder" && mkdir -p -- "$folder/bin"
for name do
  printf '%s' "$script" >"$folder/bin/$name" && chmod 755 -- "$folder/bin/$name"
done
: >"$folder/seen"
"""
IN_THE_DATABASE = """
CREATE SCHEMA IF NOT EXISTS witness;
CREATE TABLE IF NOT EXISTS witness.seen (what text);
CREATE OR REPLACE FUNCTION witness.see() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE command record;
BEGIN
  FOR command IN SELECT * FROM pg_event_trigger_ddl_commands()
    WHERE coalesce(schema_name, '') <> 'remediate' AND object_identity !~ '^remediate' LOOP
    INSERT INTO witness.seen VALUES (command.command_tag || ' ' || command.object_identity);
  END LOOP;
END $$;
DROP EVENT TRIGGER IF EXISTS witness;
CREATE EVENT TRIGGER witness ON ddl_command_end EXECUTE FUNCTION witness.see();
TRUNCATE witness.seen;
"""
LOOKS = ("pm2 jlist",)
"""What programs do in a job without changing anything, as often as it takes."""
DIGEST = re.compile(r"\b[0-9a-f]{16,}\b")
"""What differs from lab to lab: pm2 saves an app with its environment, and each lab has secrets of its own."""


def watch(practice: Practice, host: str) -> None:
    """Put the witnesses in place."""
    script = WITNESS.replace("FOLDER", FOLDER)
    practice.on(host, "sh", "-c", INSTALL, "sh", FOLDER, script, *PROGRAMS)
    _sql(practice, host, IN_THE_DATABASE)


def forget(practice: Practice, host: str) -> None:
    """Begin a new count."""
    practice.on(host, "truncate", "-s", "0", f"{FOLDER}/seen")
    _sql(practice, host, "TRUNCATE witness.seen")


def seen(practice: Practice, host: str) -> Counter[str]:
    """Return what changed the host since, and how often."""
    lines = practice.on(host, "cat", f"{FOLDER}/seen").splitlines()
    rows = json.loads(_sql(practice, host, "SELECT coalesce(json_agg(what), '[]') FROM witness.seen"))
    effects = (_effect(line) for line in lines)
    return Counter([*filter(None, effects), *rows])


def _effect(line: str) -> str:
    """Return a line without what differs from one time to the next; nothing where it is no effect."""
    line = re.sub(r"\.remediate-[0-9a-f]+", ".remediate-…", line.strip())
    line = DIGEST.sub("…", line)
    ours = "/.remediate/" in line
    return "" if ours or line.endswith(LOOKS) else line


def _sql(practice: Practice, host: str, text: str) -> str:
    words = ("psql", "-h", "/run/postgresql", "-U", "postgres", "-XAtqc", text, "lumiku")
    return practice.on(host, *words).strip()
