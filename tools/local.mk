# SPDX-License-Identifier: GPL-3.0-or-later
# tools: thin programs over libfwrecover.so.  A tool is:
#   sbin_PROGRAMS += %D%/fwrecover
#   %C%_fwrecover_SOURCES = %D%/fwrecover.cpp
#   %C%_fwrecover_LDADD = $(tool_libs)
#   %C%_fwrecover_LDFLAGS = $(tool_ldflags)

tool_libs = lib/libfwrecover.la
tool_ldflags = $(AM_LDFLAGS) $(PIE_LDFLAGS)
