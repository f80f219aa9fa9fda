# SPDX-License-Identifier: GPL-3.0-or-later
# lib/transport: the only place with sockets, ttys, the event loop, the clock and randomness.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libtransport.la
%C%_libtransport_la_SOURCES =
