# SPDX-License-Identifier: GPL-3.0-or-later
# lib/recipient: the recovery machine and the transfer machine.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/librecipient.la
%C%_librecipient_la_SOURCES =
