"""What scripts of a rehearsal have in common, as shell functions: its room, and a comparison. It runs none.

A rehearsal's room is made, and taken away, by `rehearsal_room`; what happens in it is each provider's own.
"""

REHEARSING = r"""
give_up() { echo "$2" >&2; exit "$1"; }
enter() {  # $1 the room, $2 the place for a copy, $3 the live node_modules: sets what scripts that make something need
    room=$1 work=$2 laid=$1/laid modules=$3
    [ ! -e "$room/node_modules" ] || modules=$(readlink -f -- "$room/node_modules")
}
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
