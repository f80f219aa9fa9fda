#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The documents name what exists: each path in README, HACKING and ARCHITECTURE is in the tree; a name
# in parentheses behind a path, `lib/x/y.cpp` (`Class::function`), is in that file; each section of
# the protocol that the code or a document cites has one heading; the arrows between the rooms are the
# directions of tests/repo/include-directions.sh.
. "$TOP_SRCDIR/tests/repo/common.sh"

documents='README.md HACKING.md doc/ARCHITECTURE.md'
protocol='doc/PROTOCOL.md doc/protocol/icmb.md doc/protocol/basic-mode.md doc/protocol/bluetooth.md'

# paths_of TREE: "DOCUMENT PATH NAME" for each path, with a star as in a shell; "-" for no name. A path
# with a word in capital letters before its last part, or that is only a capital word, stands for any.
paths_of() {
  for document in $documents; do
    if [ ! -e "$1/$document" ]; then continue; fi
    awk -v document="$document" '
      # A path that ends one line and its name that begins the next belong together.
      { text = text " " $0 }
      END {
        while (match(text, /(^|[^A-Za-z0-9_.\/$-])(\.ci|contrib|doc|lib|m4|man|tests|tools)\/[A-Za-z0-9_.\/*-]*(`? +\(`[A-Za-z_:~]+`\))?/)) {
          found = substr(text, RSTART, RLENGTH); text = substr(text, RSTART + RLENGTH)
          sub(/^[^A-Za-z0-9_.]/, "", found)
          path = found; sub(/[` ].*$/, "", path); sub(/[.,;:]+$/, "", path)
          name = "-"
          if (found ~ /\(`/) { name = found; sub(/^.*\(`/, "", name); sub(/`\)$/, "", name) }
          if (path !~ /(^|\/)[A-Z]+(\/|[_.][a-z_.]*$|$)/ || path ~ /(PROTOCOL|TESTING|ARCHITECTURE)\.md$/)
            print document, path, name
        }
      }' "$1/$document"
  done
}

# missing_from_documents TREE: prints each path or name that is not there, and fails if there is one.
missing_from_documents() {
  paths_of "$1" >"$work/named"
  tree_files "$1" >"$work/tree-files"
  while read -r document path name; do
    pattern=$(printf '%s' "$path" | sed 's/\./\\./g; s/\*/[^\/]*/g; s,/$,,')
    files=$(grep -E "^$pattern(/|\$)" "$work/tree-files") || {
      echo "$document: $path does not exist"
      continue
    }
    if [ "$name" != - ] && ! (cd "$1" && echo "$files" | xargs grep -qw -- "${name##*::}"); then
      echo "$document: $path has no $name"
    fi
  done <"$work/named" >"$work/missing"
  cat "$work/missing"
  [ -s "$work/named" ] && [ ! -s "$work/missing" ]
}

# wrong_sections TREE: prints citations of sections that no heading has, and headings that two have.
wrong_sections() {
  for document in $protocol; do
    if [ -e "$1/$document" ]; then sed -n 's/^##* \([0-9][0-9.]*\) .*/\1/p' "$1/$document"; fi
  done | sed 's/\.$//' >"$work/headings"
  {
    sort "$work/headings" | uniq -d | sed 's/^/two headings have §/'
    tree_files "$1" | grep -E '\.(c|h|cpp|hpp|sh|md|patch)$' | while read -r file; do
      case " $protocol " in *" $file "*) cited=all ;; *) cited=named ;; esac
      awk -v file="$file" -v cited="$cited" '
        FILENAME == ARGV[1] { heading[$1] = 1; next }
        {
          line = $0
          gsub(/(IPMI v2\.0|RFC [0-9]+|ASF [0-9.]+|FACTS|issue [0-9]+) §[0-9.]+((,| to| and) §[0-9.]+)*/, "", line)
          if (cited == "named" && !sub(/^.*PROTOCOL(\.md)? §/, "§", line)) next
          while (match(line, /§[0-9]+(\.[0-9]+)*/)) {
            number = substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH)
            sub(/^§/, "", number)
            if (!(number in heading)) print file ":" FNR ": PROTOCOL has no §" number
          }
        }' "$work/headings" "$1/$file"
    done
  } >"$work/wrong"
  cat "$work/wrong"
  [ -s "$work/headings" ] && [ ! -s "$work/wrong" ]
}

# wrong_arrows TREE: prints arrows of ARCHITECTURE that tests/repo/include-directions.sh forbids, and
# directions that it allows and no chain of arrows leads to. An arrow is "below <- above", and "{a, b}"
# is several rooms.
wrong_arrows() {
  sed -n '/^cat >"$work\/allowed"/,/^END/p' "$1/tests/repo/include-directions.sh" >"$work/allowed"
  grep '^    .* <- ' "$1/doc/ARCHITECTURE.md" >"$work/arrows" || :
  awk '
    FILENAME == ARGV[1] {
      if (/^[a-z]+:/) {
        from = $1; sub(/:/, "", from)
        for (i = 2; i <= NF; i++) may[from, $i] = 1
      }
      next
    }
    {
      # Two drawings on one line are three blanks or more apart.
      count = split($0, drawing, /   +/)
      for (d = 1; d <= count; d++) {
        rooms = split(drawing[d], room, / <- /)
        for (r = 1; r < rooms; r++) {
          belows = split(room[r], below, /[{}, ]+/); aboves = split(room[r + 1], above, /[{}, ]+/)
          for (b = 1; b <= belows; b++)
            for (a = 1; a <= aboves; a++)
              if (below[b] != "" && above[a] != "") {
                drawn[above[a], below[b]] = 1; known[above[a]] = known[below[b]] = 1
                if (!((above[a], below[b]) in may)) print below[b] " <- " above[a] " is drawn and not allowed"
              }
        }
      }
    }
    END {
      for (k in known) for (i in known) for (j in known)
        if ((i, k) in drawn && (k, j) in drawn) drawn[i, j] = 1
      for (pair in may)
        if (!(pair in drawn)) { split(pair, p, SUBSEP); print p[2] " <- " p[1] " is allowed and not drawn" }
    }' "$work/allowed" "$work/arrows" >"$work/wrong"
  cat "$work/wrong"
  [ -s "$work/allowed" ] && [ -s "$work/arrows" ] && [ ! -s "$work/wrong" ]
}

made=$work/made
mkdir -p "$made/doc" "$made/lib/flash"
printf 'void Slots::check_writable() {}\n// PROTOCOL §7.4\n' >"$made/lib/flash/slots.cpp"
# fixture LINE...: the text of the made-up HACKING.md.
fixture() { printf '%s\n' "$@" >"$made/HACKING.md"; }

for line in 'see lib/flash/slots.cpp.' '`lib/flash/` and [it](lib/flash/slots.cpp)' '`lib/*/slots.*`' 'lib/ROOM/x.cpp' \
  '`lib/flash/slots.cpp` (`Slots::check_writable`)' 'build/lib/nowhere.cpp'; do
  fixture "$line" 'lib/flash/slots.cpp'
  must_accept "$line" missing_from_documents "$made"
done
fixture 'It is in `lib/flash/slots.cpp`' '(`check_writable`).'
must_accept 'a name on the next line' missing_from_documents "$made"
for line in 'lib/flash/gone.cpp' '[it](lib/nowhere/)' '`lib/flash/*.hpp`' '`lib/flash/slots.cpp` (`Slots::write`)'; do
  fixture "$line"
  must_reject "$line" missing_from_documents "$made"
done
fixture 'It is in `lib/flash/slots.cpp`' '(`Slots::write`).'
must_reject 'a wrong name on the next line' missing_from_documents "$made"

fixture 'See PROTOCOL §7.4 (IPMI v2.0 §13.8).'
printf '### 7.4 Slots\n\nSee §7.4, IPMI v2.0 §13.17 to §13.33.\n' >"$made/doc/PROTOCOL.md"
must_accept 'sections that exist' wrong_sections "$made"
gone='§7.5'
fixture "See PROTOCOL §7.4, $gone."
must_reject 'a section that nothing has' wrong_sections "$made"
fixture ''
printf '### 7.4 Slots\n\nSee §7.6.\n' >"$made/doc/PROTOCOL.md"
must_reject 'a section that the protocol itself has not' wrong_sections "$made"
printf '### 7.4 Slots\n\n### 7.4 Slots again\n' >"$made/doc/PROTOCOL.md"
must_reject 'two headings of one number' wrong_sections "$made"

mkdir -p "$made/tests/repo"
printf '%s\n' 'cat >"$work/allowed" <<END' 'base:' 'wire: base' 'link: wire base' 'image: base' END \
  >"$made/tests/repo/include-directions.sh"
printf '    base <- wire <- link   base <- image\n' >"$made/doc/ARCHITECTURE.md"
must_accept 'arrows that agree' wrong_arrows "$made"
printf '    base <- {wire, image} <- link\n' >"$made/doc/ARCHITECTURE.md"
must_reject 'an arrow that is forbidden' wrong_arrows "$made"
printf '    base <- {wire, link, image}\n' >"$made/doc/ARCHITECTURE.md"
must_reject 'a direction that is not drawn' wrong_arrows "$made"

missing_from_documents "$TOP_SRCDIR" || fail 'the documents name what does not exist'
wrong_sections "$TOP_SRCDIR" || fail 'sections of the protocol are cited that do not exist'
wrong_arrows "$TOP_SRCDIR" || fail 'the arrows of doc/ARCHITECTURE.md and the allowed includes differ'
