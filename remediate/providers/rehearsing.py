"""What scripts of a rehearsal have in common, as shell functions: its room, and a comparison. It runs none.

A rehearsal's room is made, and taken away, by `rehearsal_room`; what happens in it is each provider's own.
"""

REHEARSING = r"""
give_up() { echo "$2" >&2; exit "$1"; }
compare() {  # $1 a directory as it is, $2 as it would be. A record for each file that differs, ended by a NUL.
    [ ! -d "$2" ] || find "$2" ! -type d -exec sh -c '
        before=$1 after=$2
        shift 2
        for file do
            name=${file#"$after/"}
            if [ ! -e "$before/$name" ] && [ ! -L "$before/$name" ]; then printf "+ %s\0" "$name"
            elif ! cmp -s -- "$before/$name" "$file"; then printf "~ %s\0" "$name"
            fi
        done' sh "$1" "$2" {} +
    [ ! -d "$1" ] || find "$1/." ! -type d -exec sh -c '
        before=$1 after=$2
        shift 2
        for file do
            name=${file#"$before/./"}
            [ -e "$after/$name" ] || [ -L "$after/$name" ] || printf "%s %s\0" - "$name"
        done' sh "$1" "$2" {} +
}
"""
