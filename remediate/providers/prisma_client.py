"""The generated client on the host: whether it is stale, and the scripts that make it anew and put the old one back.

Decides from what was read; the scripts run as jobs and take every value as a positional parameter.
"""

from remediate.errors import CouldNotLook
from remediate.providers.fingerprint import FINGERPRINT
from remediate.providers.prisma_syntax import words_of
from remediate.providers.rehearsing import REHEARSING
from remediate.questions import ReadAnswer

STILL_OTHERS = 9
"""Exit code of `PUT_BACK`: the client is no longer what `GENERATE` left."""

_PLACES = (
    FINGERPRINT
    + r"""
set -eu
backend=$1 schema=$2 client=$3 mark=$4
live=$backend/$client
parent=${live%/*}
keep=$parent/.${live##*/}.remediate-$mark
copy=$backend/.generate.remediate-$mark
mtime() { stat -c %y -- "$1"; }
"""
)

MAKE_CLIENT = r"""
# Needs $backend, $modules, $schema, $client, and $copy, which it makes; sets $made. It touches nothing else.
test -x "$modules/.bin/prisma" || die "prisma is not installed: $modules/.bin/prisma" 4
case $backend in *['|&\']*) die "the directory's name has | or & or \\ in it: $backend" 3;; esac

# A copy of the backend made of links; only what generating reads by its real place, or writes, is real there.
rm -rf -- "$copy"
mkdir -p -- "$copy/node_modules/@prisma" "$copy/${client%/*}"
for entry in "$backend"/* "$backend"/.[!.]*; do
  name=${entry##*/}
  case $name in
    node_modules | .*.remediate-* | "${client%%/*}") ;;
    "${schema%%/*}" | package.json | prisma.config.*) cp -a -- "$entry" "$copy/$name" ;;
    *) test ! -e "$entry" || ln -s -- "$entry" "$copy/$name" ;;
  esac
done
for entry in "$modules"/* "$modules"/.[!.]*; do
  name=${entry##*/}
  case $name in
    @prisma | .prisma | .cache) ;;
    *) test ! -e "$entry" || ln -s -- "$entry" "$copy/node_modules/$name" ;;
  esac
done
for entry in "$modules"/@prisma/*; do
  name=${entry##*/}
  case $name in
    client) cp -al -- "$entry" "$copy/node_modules/@prisma/client" 2>/dev/null || {
      rm -rf -- "$copy/node_modules/@prisma/client"
      cp -a -- "$entry" "$copy/node_modules/@prisma/client"
    } ;;
    *) ln -s -- "$entry" "$copy/node_modules/@prisma/$name" ;;
  esac
done

"""
RUN_GENERATE = r"""
cd "$copy"
# Prisma notes every command in ~/.config/prisma-nodejs; that is no place of this change's.
export CHECKPOINT_DISABLE=1 PRISMA_HIDE_UPDATE_MESSAGE=1 NO_COLOR=1 XDG_CONFIG_HOME=/dev/null
node_modules/.bin/prisma generate --schema "$schema" </dev/null
made=$copy/$client
test -f "$made/schema.prisma" || die "no client came to $client: set client to the generator's output" 4
cd /
"""

GENERATE = (
    _PLACES
    + r"""
modules=$backend/node_modules
die() { printf '%s\n' "$1" >&2; exit "$2"; }
backend_mtime=$(mtime "$backend")
finish() {
  trap '' HUP INT TERM # timeout(1) passes the signal on to whoever got it already: once is enough
  rm -rf -- "$copy"
  touch -d "$backend_mtime" -- "$backend"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM

"""
    + MAKE_CLIENT
    + RUN_GENERATE
    + r"""
grep -rlF -- "$copy" "$made" | while IFS= read -r file; do sed -i "s|$copy|$backend|g" -- "$file"; done
made_parent=
test -d "$parent" || made_parent=$(mtime "${parent%/*}")
mkdir -p -- "$parent"
parent_mtime=$(mtime "$parent")
if [ ! -d "$keep" ]; then
  mkdir -- "$keep"
  printf '%s\n' "$parent_mtime" >"$keep/mtime"
  test -z "$made_parent" || printf '%s\n' "$made_parent" >"$keep/made-parent"
  test -e "$live" || : >"$keep/none"
fi
if [ -e "$live" ]; then
  rm -rf -- "$keep/before" "$keep/after" "$keep/none"
  mv -T -- "$live" "$keep/before"
fi
mv -T -- "$made" "$live"
fingerprint "$live" >"$keep/after"
"""
)
"""Generates in a copy of the backend and swaps the client in. Nothing live is touched before the copy's is whole."""

TRY_GENERATE = (
    REHEARSING
    + r"""
# $1 the rehearsal's room, $2 the copy; then as GENERATE has them. What is generated stays in the copy for those who
# come later.
room=$1 work=$2
shift 2
"""
    + _PLACES
    + r"""
copy=$work
die() { give_up "$2" "$1"; }
case $copy$backend in *['|&\']*) die "the directory's name has | or & or \ in it: $backend" 3;; esac
grep -rHE '^[[:space:]]*output[[:space:]]*=' -- "$copy/$schema" >"$room/outputs" || :
while IFS= read -r line; do
  file=${line%%:*}
  to=$(printf '%s\n' "${line#*:}" | sed -n 's/^[^=]*=[[:space:]]*"\([^"]*\)".*/\1/p')
  test -n "$to" || die "it cannot be told where a generator writes: ${line#*:}" 3
  case $to in /*) ;; *) to=${file%/*}/$to ;; esac
  case $(readlink -m -- "$to") in
    "$(readlink -m -- "$copy")"/*) ;;
    *) die "a generator writes out of the app: ${line#*:}" 3 ;;
  esac
done <"$room/outputs"
test -x "$copy/node_modules/.bin/prisma" || die "prisma is not installed: node_modules/.bin/prisma" 4
rm -rf -- "$copy/$client"
"""
    + RUN_GENERATE
    + r"""
rm -rf -- "$room/client"
cp -a -T -- "$made" "$room/client"
grep -rlF -- "$copy" "$room/client" | while IFS= read -r file; do sed -i "s|$copy|$backend|g" -- "$file"; done
compare "$live" "$room/client" >"$room/report"
"""
)
"""Generates in a copy, and tells how the client would differ. Nothing live is touched."""

PUT_BACK = (
    _PLACES
    + rf"""
if [ -d "$copy" ]; then
  backend_mtime=$(mtime "$backend")
  rm -rf -- "$copy"
  touch -d "$backend_mtime" -- "$backend"
fi
[ -d "$keep" ] || exit 0
if [ -f "$keep/after" ] && [ -d "$live" ]; then
  [ "$(fingerprint "$live")" = "$(cat "$keep/after")" ] || exit {STILL_OTHERS}
fi
if [ -d "$keep/before" ]; then
  if [ -e "$live" ]; then mv -T -- "$live" "$keep/discarded"; fi
  rm -f -- "$keep/after"
  mv -T -- "$keep/before" "$live"
elif [ -e "$keep/none" ]; then
  rm -rf -- "$live"
fi
parent_mtime=$(cat "$keep/mtime" 2>/dev/null || mtime "$parent")
made_parent=$(cat "$keep/made-parent" 2>/dev/null || :)
rm -rf -- "$keep"
touch -d "$parent_mtime" -- "$parent"
if [ -n "$made_parent" ] && rmdir -- "$parent" 2>/dev/null; then touch -d "$made_parent" -- "${{parent%/*}}"; fi
"""
)
"""Puts the client back that was there before. Run twice it is run once; after half a `GENERATE` it is right, too."""


def stale_because(path: str, schema: ReadAnswer, generated: ReadAnswer) -> str:
    """Return why the client has to be generated anew, or nothing.

    Prisma writes the schema, formatted, beside the client it made from it (7.10: `schema.prisma`), so the two are
    compared word by word, without spaces and comments.

    Args:
        path: Where the schema was read, for messages.
        schema: The app's schema.
        generated: The one beside the client.

    Raises:
        CouldNotLook: There is no schema, or it cannot be read as one.
    """
    if not schema.exists:
        raise CouldNotLook(path, "there is no such file", "set schema_file, or app.backend in the inventory")
    if not generated.exists:
        return "the client was never generated"
    same = words_of(schema.text, path) == words_of(generated.text, "the client's schema.prisma")
    return "" if same else "the client was generated from another schema"
