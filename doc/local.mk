# SPDX-License-Identifier: GPL-3.0-or-later
# doc: documents that are installed beside README.md.  One a line.

dist_doc_DATA += %D%/PROTOCOL.md
dist_doc_DATA += %D%/TESTING.md
