#!/bin/sh
# Looks for folders on PATH into which every account of this host may put programs.
# Changes nothing. Exit 0: unprotected, 1: protected, 2: could not look.
set -fu

path=${PATH-}
standard=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# What this script itself runs must not come from a folder under suspicion.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

looked=0
found=0

finding() {
    echo "FOUND  $1"
    found=$((found + 1))
}

look_at() {
    case $1 in
    /*) ;;
    *)
        finding "\"$1\" is no full path: what it names depends on the folder one stands in."
        return
        ;;
    esac
    [ -d "$1" ] || return 0
    looked=$((looked + 1))
    # The sticky bit would not help: it forbids to delete a neighbour's file, not to add one's own.
    writable=$(find -H "$1" -prune -perm -0002) || exit 2
    if [ -n "$writable" ]; then
        finding "$1 is writable for every account."
    else
        echo "ok     $1"
    fi
}

case ":$path:" in
*::*) finding "PATH has an empty entry: programs are looked for in the folder one stands in." ;;
esac

seen=:
IFS=:
for folder in $path $standard; do
    case "$seen" in *":$folder:"*) continue ;; esac
    [ -n "$folder" ] || continue
    seen=$seen$folder:
    look_at "$folder"
done

if [ "$looked" -eq 0 ]; then
    echo "Error: none of the folders on PATH exists." >&2
    exit 2
fi
if [ "$found" -gt 0 ]; then
    echo "Unprotected: $found finding(s). Whoever can add a program there has it run by others under a known name."
    exit 0
fi
echo "Protected: no account can add programs to the $looked folders on PATH without being allowed to."
exit 1
