# SPDX-License-Identifier: GPL-3.0-or-later
# doc: documents that are installed beside README.md.  One a line.

dist_doc_DATA += %D%/ARCHITECTURE.md
dist_doc_DATA += %D%/PROTOCOL.md
dist_doc_DATA += %D%/TESTING.md

# The annexes of PROTOCOL.md, in a directory of their own as in the tree: links lead to them there.
protocoldir = $(docdir)/protocol
dist_protocol_DATA =
dist_protocol_DATA += %D%/protocol/basic-mode.md
dist_protocol_DATA += %D%/protocol/bluetooth.md
dist_protocol_DATA += %D%/protocol/icmb.md
