#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Words that the documents avoid, each with its reason. What stands in backticks (names of tests and
# mutants), in an error's advice, or in a literal block is not judged: the code has those words.
. "$TOP_SRCDIR/tests/repo/common.sh"

cat >"$work/avoided" <<'END'
whom name the role: the donor, recipient, attacker, node, caller
whoever name the role: the donor, recipient, attacker, node, caller
somebody name the role, or say "a person"
someone name the role, or say "a person"
nobody name the role: no donor, no node, no user
everybody name the role: every node, every user
everyone name the role: every node, every user
anybody name the role: an attacker, any node, any user
anyone name the role: an attacker, any node, any user
END

# avoided_words TREE: prints each avoided word with file, line and reason, and fails if there is one.
avoided_words() {
  tree_files "$1" | grep -E '^(README\.md|HACKING\.md|NEWS|doc/.*\.md|man/.*\.[1-8]|contrib/.*)$' >"$work/documents" || :
  while read -r file; do
    awk -v file="$file" '
      FILENAME == ARGV[1] { word = $1; sub(/^[^ ]+ /, ""); reason[word] = $0; next }
      /^\.Sh / { skipped = /ERROR NAMES/ }
      /^\.Bd -literal/ { literal = 1 }
      /^\.Ed/ { literal = 0 }
      skipped || literal { next }
      {
        line = tolower($0); gsub(/`[^`]*`/, "", line)
        count = split(line, words, /[^a-z]+/)
        for (i = 1; i <= count; i++)
          if (words[i] in reason) print file ":" FNR ": \"" words[i] "\": " reason[words[i]]
      }' "$work/avoided" "$1/$file"
  done <"$work/documents" >"$work/found"
  cat "$work/found"
  [ -s "$work/documents" ] && [ ! -s "$work/found" ]
}

made=$work/made
mkdir -p "$made/doc"
for line in 'The node sends a frame.' 'The mutant `lets-anybody-guess` must fail.'; do
  printf '%s\n' "$line" >"$made/doc/PROTOCOL.md"
  must_accept "$line" avoided_words "$made"
done
for line in 'Whoever sends a frame waits.' 'The line is free when nobody talks.'; do
  printf '%s\n' "$line" >"$made/doc/PROTOCOL.md"
  must_reject "$line" avoided_words "$made"
done

avoided_words "$TOP_SRCDIR" || fail 'the documents have the words above'
