# SPDX-License-Identifier: GPL-3.0-or-later
# lib/session: RMCP+ client and server machines.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libsession.la
%C%_libsession_la_SOURCES =
