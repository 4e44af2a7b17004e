#!/bin/sh
# Looks for private SSH keys that accounts other than their owner may read.
# Changes nothing and prints no key. Exit 0: unprotected, 1: protected, 2: could not look.
# Argument: another list of accounts than /etc/passwd.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

passwd=${1-/etc/passwd}
homes=0
closed=0
keys=0
found=0

# has 0004 FILE: does the mode hold these bits?
has() {
    [ -n "$(find -H "$2" -prune -perm "-$1" 2>/dev/null)" ]
}

is_private_key() {
    [ -f "$1" ] && [ -r "$1" ] || return 1
    IFS= read -r first <"$1" || return 1
    case $first in
    "-----BEGIN "*"PRIVATE KEY-----"*) return 0 ;;
    esac
    return 1
}

# A key with a wide mode is still out of reach when the folders above it are closed.
look_at_key() {
    keys=$((keys + 1))
    if has 0004 "$1" && has 0001 "$2/.ssh" && has 0001 "$2"; then
        echo "FOUND  $1 can be read by every account."
    elif has 0040 "$1" && has 0010 "$2/.ssh" && has 0010 "$2"; then
        echo "FOUND  $1 can be read by its group."
    else
        echo "ok     $1"
        return
    fi
    found=$((found + 1))
}

look_at_home() {
    [ -d "$1" ] || return 0
    homes=$((homes + 1))
    if [ ! -x "$1" ] || { [ -d "$1/.ssh" ] && { [ ! -r "$1/.ssh" ] || [ ! -x "$1/.ssh" ]; }; }; then
        closed=$((closed + 1))
        return
    fi
    for file in "$1"/.ssh/*; do
        if is_private_key "$file"; then
            look_at_key "$file" "$1"
        fi
    done
}

if [ ! -r "$passwd" ]; then
    echo "Error: the accounts of this host cannot be read from $passwd." >&2
    exit 2
fi

seen="|"
while IFS=: read -r _ _ _ _ _ home _; do
    case $home in "" | / | /nonexistent | /dev/* | /proc/*) continue ;; esac
    case $seen in *"|$home|"*) continue ;; esac
    seen="$seen$home|"
    look_at_home "$home"
done <"$passwd"

# Accounts of macOS are not in the file.
for home in /Users/*; do
    case $seen in *"|$home|"*) continue ;; esac
    look_at_home "$home"
done

echo "Looked into $homes home folders; $closed of them are closed to this account, and so to others like it."
if [ "$found" -gt 0 ]; then
    echo "Unprotected: $found of $keys private keys can be read by others. Whoever reads a key can sign in as its owner."
    exit 0
fi
if [ "$keys" -eq 0 ]; then
    echo "Protected: no private key was found."
else
    echo "Protected: none of $keys private keys can be read by others."
fi
exit 1
