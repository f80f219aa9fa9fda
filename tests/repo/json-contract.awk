# SPDX-License-Identifier: GPL-3.0-or-later
# What fwrecover(8), JSON OUTPUT, promises, and lines of --json that have to keep it.
#
#   awk -f json-contract.awk fwrecover.8
#     prints "event TOOL EVENT" and "field TOOL EVENT FIELD TYPE" for all that is documented.
#   awk -f json-contract.awk fwrecover.8 TOOL.jsonl...
#     prints "seen EVENT" for what the lines have, and "wrong ..." for what they should not.

function tool_of(file) { sub(/.*\//, "", file); sub(/[-.].*$/, "", file); return file }

# ".It Va size Pq integer, bytes, optional"
function promise_field(i, name, type, optional) {
  name = $3
  type = $0; sub(/^\.It Va [^ ]+ Pq /, "", type)
  optional = (type ~ /, optional$/); sub(/,.*$/, "", type)
  for (i = 1; i <= open_events; i++) {
    fields[tool, event[i], name] = type
    if (!optional) needed[tool, event[i]] = needed[tool, event[i]] " " name
    if (ARGC == 2) print "field", tool, event[i], name, type
  }
}

function promise_group(group, i) {
  for (i = 1; i <= open_events; i++)
    groups[tool, event[i]] = groups[tool, event[i]] " " group ($0 ~ /fields when/ ? "?" : "")
}

function wrong(what) { print "wrong " FILENAME ":" FNR ": " what }

function type_of(owner, name, found, list, count, i) {
  if ((owner[1], owner[2], name) in fields) return fields[owner[1], owner[2], name]
  count = split(groups[owner[1], owner[2]], list, " ")
  for (i = 1; i <= count; i++) {
    sub(/\?/, "", list[i])
    if ((list[i], "-", name) in fields) return fields[list[i], "-", name]
  }
  if (("Common", "-", name) in fields) return fields["Common", "-", name]
  return ""
}

# Whether a JSON value is of a type of the page.
function fits(value, type) {
  if (type == "boolean") return value ~ /^(true|false)$/
  if (type == "integer") return value ~ /^-?[0-9]+$/
  if (type == "number") return value ~ /^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/
  if (type == "list of texts") return value ~ /^\[/
  if (value !~ /^"/) return 0
  if (type == "GUID") return value ~ /^"[0-9a-f-]+"$/ && length(value) == 38
  if (type == "digest") return value ~ /^"[0-9a-f]+"$/ && length(value) == 66
  if (type == "address") return value ~ /^"(lan|icmb|serial|bt):/
  return type == "text"
}

# Splits a line into value[name]; false when it is not an object as we print them.
function parse(line, name) {
  split("", value)
  if (line !~ /^\{/) return 0
  line = substr(line, 2)
  while (match(line, /^"([^"\\]|\\.)*":/)) {
    name = substr(line, 2, RLENGTH - 3)
    line = substr(line, RLENGTH + 1)
    if (!match(line, /^"([^"\\]|\\.)*"/) && !match(line, /^\[[^]]*\]/) && !match(line, /^[-+.a-zA-Z0-9]+/))
      return 0
    value[name] = substr(line, 1, RLENGTH)
    line = substr(line, RLENGTH + 1)
    if (line == "}") return 1
    if (line !~ /^,/) return 0
    line = substr(line, 2)
  }
  return 0
}

function need(owner, names, list, count, i) {
  count = split(names, list, " ")
  for (i = 1; i <= count; i++)
    if (!(list[i] in value)) wrong("event " owner[2] " has no field " list[i])
}

function check_line(owner, name, type, list, count, i) {
  if (!parse($0)) { wrong("not one JSON object: " $0); return }
  owner[1] = tool_of(FILENAME)
  owner[2] = value["event"]; gsub(/"/, "", owner[2])
  if (("Every", owner[2]) in events) owner[1] = "Every"
  if (!((owner[1], owner[2]) in events)) { wrong("undocumented event " owner[2]); return }
  print "seen", owner[2]
  for (name in value) {
    if (name == "event") continue
    type = type_of(owner, name)
    # The history repeats fields of other events.
    if (type == "" && owner[2] == "history") continue
    if (type == "") wrong("event " owner[2] ": undocumented field " name)
    else if (!fits(value[name], type)) wrong("event " owner[2] ": " name " is no " type ": " value[name])
  }
  need(owner, needed[owner[1], owner[2]])
  need(owner, needed["Common", "-"])
  count = split(groups[owner[1], owner[2]], list, " ")
  for (i = 1; i <= count; i++)
    if (list[i] !~ /\?/) need(owner, needed[list[i], "-"])
}

FILENAME == ARGV[1] && /^\.Sh / { inside = /JSON OUTPUT/; next }
FILENAME == ARGV[1] && !inside { next }
FILENAME == ARGV[1] && /^\.Ss / {
  tool = $2
  open_events = 0
  if ($3 == "fields") { open_events = 1; event[1] = "-" }
  next
}
FILENAME == ARGV[1] && /^\.It Ic / {
  open_events = 0
  for (i = 3; i <= NF; i++) {
    if ($i == ",") continue
    event[++open_events] = $i
    events[tool, $i] = 1
    if (ARGC == 2) print "event", tool, $i
  }
  next
}
FILENAME == ARGV[1] && /^\.It Va / { promise_field(); next }
FILENAME == ARGV[1] && /^The image fields/ { promise_group("Image"); next }
FILENAME == ARGV[1] && /^The offer fields/ { promise_group("Offer"); next }
FILENAME == ARGV[1] { next }
{ check_line() }
