#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What a program says it has done outlives a power cut: by the order of its calls. What was written is flushed
# before it is renamed and before the program ends, a directory after names in it have changed and before it
# is renamed itself. (The sweeps make flushes fail; one that is missing they cannot notice.)
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/faults/common.sh"

two_releases 50000

# What may be lost: locks hold nothing, and the tree is scratch memory that is checked when it is read.
not_kept='(^|[./])lock$|-state/tree$'

# flushed WHAT COMMAND...: the command succeeds, and changed something that is kept.
flushed() {
  flushed_what=$1
  shift
  say "$flushed_what"
  find "$work" | sed "s|^$work/*||" >before
  counted "$@"
  awk -v work="$work" -v not_kept="$not_kept" '
    function up(path) { return sub(/\/[^\/]*$/, "", path) ? path : "" }
    FNR == NR { there[$0] = 1; next }
    { call = $2; path = $3; if (path == work) path = "" }
    path ~ not_kept { next }
    # It may be new by that; it is when it was not there and is written then.
    call ~ /^open(at)?$/ && !(path in there) { opened[path] = 1 }
    call ~ /^(write|pwrite64|ftruncate|posix_fallocate)$/ {
      written++
      dirty[path] = 1
      if (path in opened) names[up(path)] = 1
      there[path] = 1
      delete opened[path]
    }
    call ~ /^f(data)?sync$/ {
      delete dirty[path]
      delete names[path]
      for (file in opened) if (up(file) == path) delete opened[file]
    }
    call ~ /^(mkdir|mkdtemp)$/ && !(path in there) { names[up(path)] = 1 }
    call == "rename" {
      written++
      for (file in dirty)
        if (file == path || index(file, path "/") == 1) print file ": renamed before it is flushed"
      for (directory in names)
        if (directory == path || index(directory, path "/") == 1) print directory "/: renamed before its names are flushed"
      names[up(path)] = 1
    }
    END {
      for (file in dirty) print file ": never flushed"
      for (directory in names) print directory "/: never flushed"
      if (written == 0) print "nothing was changed at all"
    }' before calls >wrong
  [ ! -s wrong ] || {
    cat calls wrong
    fail "$flushed_what: what was written may be lost: $(head -n 1 wrong)"
  }
}

flushed 'fwdonor manifest -o' "$FWDONOR" manifest new --name x --image-version 3.0 --security-version 1 \
  --platform manufacturer=32473,product=7 -o "$work/some.json"
flushed 'fwdonor manifest -o, again' "$FWDONOR" manifest new --name x --image-version 3.0 --security-version 1 \
  --platform manufacturer=32473,product=7 -o "$work/some.json"
rmdir giver-catalogue
flushed 'fwdonor add, the first' "$FWDONOR" --config giver.toml add "$work/old"
flushed 'fwdonor add' "$FWDONOR" --config giver.toml add "$work/new"
rm "giver-catalogue/$(digest_of new)/image"
flushed 'fwdonor add, in place of what is broken' "$FWDONOR" --config giver.toml add "$work/new"
flushed 'fwdonor remove' "$FWDONOR" --config giver.toml remove "$(digest_of old)"

start_donor giver
recipient_config r "\"127.0.0.1:$port\""
flushed 'fwrecover request' "$FWRECOVER" --config r.toml request
flushed 'fwrecover confirm' "$FWRECOVER" --config r.toml confirm
expect_line calls 'pwrite64 r-state/history.jsonl'
rm -r r-state
flushed 'fwrecover adopt' "$FWRECOVER" --config r.toml adopt --active b "$work/new.manifest.json"
