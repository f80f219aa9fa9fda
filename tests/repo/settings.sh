#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Settings agree, both ways, in the tables of the code, the manual pages and the example files:
# their names everywhere, their defaults where there are any.
#
# In a page a section is a heading such as ".Ss [policy]", and a setting an item there such as
# ".It Ic prefer" (or Va, Cm, Sy, Li, Cd, Dv), whose text names the default. In an example file a
# setting is "key =" or "#key =" below "[section]". "user.*" is any section that starts with "user.".
. "$TOP_SRCDIR/tests/repo/common.sh"

# table_of SOURCE...: the names that the code knows, "section.key" one a line.
table_of() {
  cat "$@" | tr '\n' ' ' | grep -o '{{"[^"]*", *"[^"]*", *Kind::' |
    sed 's/^{{"\([^"]*\)", *"\([^"]*\)".*$/\1.\2/' | LC_ALL=C sort -u
}

# The pages tell of a build without --with-iana-pen; this is the number of the build under test.
documented_pen=32473
pen=$(sed -n 's/^#define FWR_IANA_PEN //p' "$TOP_BUILDDIR/config.h")
[ -n "$pen" ] || fail 'config.h has no FWR_IANA_PEN'

# The same of its directories.
directory_of() { sed -n "s/^#define $1 \"\(.*\)\"\$/\1/p" "$TOP_BUILDDIR/config.h"; }
sysconfdir=$(directory_of FWR_SYSCONFDIR)
localstatedir=$(directory_of FWR_LOCALSTATEDIR)
if [ -z "$sysconfdir" ] || [ -z "$localstatedir" ]; then fail 'config.h does not have the directories'; fi

# as_documented PEN: "section.key<TAB>default" with the number of this build as the pages have it.
as_documented() {
  sed "s/^\(protocol\.iana\|device\.manufacturer\)\t$1\$/\1\t$documented_pen/"
}

# defaults_of TOOL ARGUMENT...: "section.key<TAB>default" of each setting that has one.
defaults_of() {
  "$@" --json --config /dev/null | sed -n \
    's/^{"event":"setting","name":"\([^"]*\)","value":"\(.*\)","source":"default".*}$/\1\t\2/p' |
    sed "s/\\\\\"/\"/g; s,$sysconfdir/fwrecover,/etc/fwrecover,g; s,$localstatedir/lib/fw,/var/lib/fw,g" |
    as_documented "$pen" | LC_ALL=C sort
}

# settings_in_page PAGE: "section.key<TAB>text", one a line.
settings_in_page() {
  awk '
    function flush() { if (name != "") print name "\t" text; name = ""; text = "" }
    /^\.S[sh]( |$)/ {
      flush(); section = ""
      if (match($0, /\[[^]]*\]/)) section = substr($0, RSTART + 1, RLENGTH - 2)
      if (section ~ /^user\./) section = "user.*"
      next
    }
    /^\.El/ && depth > 1 { depth--; next }
    /^\.Bl/ { depth++; next }
    /^\.El/ { flush(); depth = 0; next }
    /^\.It (Ic|Va|Cm|Sy|Li|Cd|Dv) / && section != "" && depth == 1 {
      flush(); name = section "." $3; next
    }
    { line = $0; sub(/^\.[A-Z][a-z] /, "", line); text = text " " line }
    END { flush() }
  ' "$1"
}

# settings_in_example FILE: the same, its text being "default VALUE".
settings_in_example() {
  awk '
    /^#?\[[^]]*\]$/ {
      section = $0; gsub(/[][#]/, "", section)
      if (section ~ /^user\./) section = "user.*"
      next
    }
    /^#?[a-z_0-9]+ = / {
      key = $1; sub(/^#/, "", key)
      value = $0; sub(/^[^=]*= /, "", value)
      # A key that is set on purpose need not have the default.
      print section "." key "\t" ($0 ~ /^#/ ? "default " value : "set")
    }
  ' "$1"
}

# compare TABLE DEFAULTS FOUND WHERE: prints the differences and fails if there are any.
compare() {
  cut -f 1 "$3" | LC_ALL=C sort -u >"$work/names"
  {
    LC_ALL=C comm -23 "$1" "$work/names" | sed "s@.*@&: in the code, not in $4@"
    LC_ALL=C comm -13 "$1" "$work/names" | sed "s@.*@&: in $4, not in the code@"
    awk -F '\t' -v where="$4" '
      function plain(s) { gsub(/[]["`,;.()\\&]/, " ", s); gsub(/  +/, " ", s); return " " s " " }
      FILENAME == ARGV[1] { value[$1] = $2; next }
      # An empty list is nothing that a reader has to be told the spelling of.
      ($1 in value) && $2 != "set" && value[$1] != "[]" {
        wanted = plain(value[$1]); gsub(/^ +| +$/, "", wanted)
        if ($2 !~ /[Dd]efault/ || index(plain($2), " " wanted " ") == 0)
          print $1 ": the default " value[$1] " is not in " where
      }
    ' "$2" "$3"
  } >"$work/differences"
  cat "$work/differences"
  [ -s "$1" ] && [ ! -s "$work/differences" ]
}

# --- the proof -----------------------------------------------------------------------------------

printf 'lan.port\npolicy.prefer\nuser.*.privilege\n' >"$work/t"
printf 'lan.port\t623\npolicy.prefer\t["version", "role"]\n' >"$work/d"
example() {
  printf '%s\n' '[lan]' '#port = 623' '[policy]' 'prefer = ["role"]' '#[user.me]' '#privilege = "user"'
}
page() {
  printf '%s\n' '.Ss [lan]' '.Bl -tag' '.It Ic port' 'UDP port.' 'The default is 623.' '.El' \
    '.Ss [policy]' '.Bl -tag' '.It Ic prefer' 'An order.' 'Default:' '.Li [ \(dqversion\(dq , \(dqrole\(dq ] .' \
    '.El' '.Ss [user. Ns Ar name ]' '.Bl -tag' '.It Ic privilege' 'Level.' '.El'
}
try() { # page|example SED-SCRIPT
  "$1" | sed "$2" >"$work/source"
  "settings_in_$1" "$work/source" | sed 's/\\(dq//g' >"$work/found"
  compare "$work/t" "$work/d" "$work/found" "$1"
}
must_accept 'an example that agrees' try example ''
must_reject 'a setting that the example lacks' try example /port/d
must_reject 'a setting that the code lacks' try example 's/privilege/power/'
must_reject 'another default in the example' try example s/623/624/
must_accept 'a page that agrees' try page ''
must_reject 'a setting that the page lacks' try page 's/It Ic port/Pp/'
must_reject 'a setting in another section' try page 's/\[lan\]/[wan]/'
must_reject 'another default in the page' try page s/623/624/

printf 'protocol.iana\t4711\nsystem.product\t4711\ndevice.manufacturer\t4711\n' | as_documented 4711 >"$work/found"
printf 'protocol.iana\t32473\nsystem.product\t4711\ndevice.manufacturer\t32473\n' >"$work/wanted"
expect_same "$work/found" "$work/wanted"

# --- our programs ----------------------------------------------------------------------------------

# The rows that both files have.
table_of "$TOP_SRCDIR/lib/settings/media_config.cpp" "$TOP_SRCDIR/lib/settings/trusted_keys.cpp" >"$work/shared"
for section in icmb serial bluetooth protocol trust; do
  grep -q "^$section\." "$work/shared" || fail "the shared rows have no [$section]"
done

wrong=0
check_program() { # NAME SOURCE TOOL ARGUMENT...
  name=$1
  source=$TOP_SRCDIR/lib/settings/$2
  shift 2
  table_of "$source" >"$work/own"
  [ -s "$work/own" ] || fail "$source has no rows that this test can read"
  LC_ALL=C sort -u "$work/shared" "$work/own" >"$work/table"
  defaults_of "$@" >"$work/defaults"
  [ -s "$work/defaults" ] || fail "$* prints no defaults"

  settings_in_example "$TOP_SRCDIR/contrib/examples/$name.toml" >"$work/found"
  compare "$work/table" "$work/defaults" "$work/found" "contrib/examples/$name.toml" || wrong=1

  page=$TOP_SRCDIR/man/$name.toml.5
  [ -f "$page" ] || fail "$page is missing"
  settings_in_page "$page" | sed 's/\\(dq//g; s/\\[&-]//g' >"$work/found"
  compare "$work/table" "$work/defaults" "$work/found" "man/$name.toml.5" || wrong=1
}
check_program fwrecover recipient_config.cpp "$FWRECOVER" config
check_program fwdonord donor_config.cpp "$FWDONORD" --show-config
[ "$wrong" -eq 0 ] || fail 'settings differ as listed above'
