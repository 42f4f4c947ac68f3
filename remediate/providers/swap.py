"""A directory swapped for one made beside it, by renaming on one disk: shell functions. Knows not what is in it.

What was there before is never removed by a swap that fails: it is put back, or stays where it was moved to and is told.
"""

STRANDED = 7
"""Exit code of `swap_in`: what was there before lies in the place for keeping, and does not come back by itself."""

KEEPING = f"""
# Needs $kept, the place for keeping. $kept/before is what was there, $kept/none says that nothing was, $kept/new is
# what is to come, and $kept/done says that it came.
there() {{ [ -e "$1" ] || [ -L "$1" ]; }}
give_up() {{ echo "$2" >&2; there "$kept/before" || rm -rf -- "$kept"; exit "$1"; }}
# A place of this name is left from a run that began with exactly this state; what it holds is here, too, unless that
# run was cut between its renames.
may_begin() {{
    ! there "$kept/before" || [ -e "$kept/done" ] ||
        {{ echo "$kept/before was kept by a run that was cut: put it back, or move it away" >&2; exit 3; }}
}}
swap_in() {{
    if there "$1"; then
        mv -T -- "$1" "$kept/before" || give_up 3 "$1 could not be moved aside"
    else
        : >"$kept/none"
    fi
    mv -T -- "$kept/new" "$1" && {{ touch -- "$kept/done"; exit 0; }}
    there "$kept/before" || give_up 3 "the new $1 could not be put in its place"
    ! there "$1" && mv -T -- "$kept/before" "$1" && give_up 3 "the new $1 could not be put in its place"
    echo "the new $1 could not be put in its place; the one before is in $kept/before" >&2
    exit {STRANDED}
}}
"""
