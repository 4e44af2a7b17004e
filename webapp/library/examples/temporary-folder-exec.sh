#!/bin/sh
# Looks whether programs may be started from the folders that every account can write to.
# Reads mount options and changes nothing. Exit 0: unprotected, 1: protected, 2: could not look.
# Arguments: other folders than the usual ones.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

looked=0
found=0

mount_point() {
    df -P "$1" 2>/dev/null | awk 'NR == 2 { sub(/^.* (-|[0-9]+%) +/, ""); print }'
}

# The options of what is mounted there; a later mount covers an earlier one.
options() {
    if [ -r /proc/self/mounts ]; then
        awk -v point="$1" '
            { gsub(/\\040/, " ", $2) }
            $2 == point { found = $4 }
            END { print found }' /proc/self/mounts
    else
        mount | awk -v before=" on $1 (" '
            at = index($0, before) { found = substr($0, at + length(before)) }
            END { sub(/\)$/, "", found); gsub(/, /, ",", found); print found }'
    fi
}

look_at() {
    [ -d "$1" ] || return 0
    point=$(mount_point "$1")
    set_here=$(options "$point")
    if [ -z "$set_here" ]; then
        echo "?      $1: the mount options of ${point:-its file system} are not known."
        return
    fi
    looked=$((looked + 1))
    case ",$set_here," in
    *,noexec,*) echo "ok     $1 (on $point) is mounted noexec." ;;
    *)
        echo "FOUND  $1 (on $point) allows execution: $set_here"
        found=$((found + 1))
        ;;
    esac
}

if [ $# -eq 0 ]; then
    set -- /tmp /var/tmp /dev/shm
fi
for folder in "$@"; do
    look_at "$folder"
done

if [ "$looked" -eq 0 ]; then
    echo "Error: no temporary folder could be looked at." >&2
    exit 2
fi
if [ "$found" -gt 0 ]; then
    echo "Unprotected: a program dropped into $found of $looked temporary folders can be started there."
    exit 0
fi
echo "Protected: all $looked temporary folders refuse to start programs."
exit 1
