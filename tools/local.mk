# SPDX-License-Identifier: GPL-3.0-or-later
# tools: thin programs over libfwrecover.so.

tool_libs = lib/libfwrecover.la $(FMT_LIBS) $(SYSTEMD_LIBS) -lpthread
tool_ldflags = $(AM_LDFLAGS) $(PIE_LDFLAGS)

bin_PROGRAMS += %D%/fwdiag %D%/fwdonor
sbin_PROGRAMS += %D%/fwdonord %D%/fwrecover

# What every tool shares.
tool_sources = %D%/command_line.cpp %D%/command_line.hpp %D%/help.cpp %D%/help.hpp %D%/output.cpp %D%/output.hpp \
	%D%/terminal.cpp %D%/terminal.hpp %D%/writer.cpp %D%/writer.hpp

%C%_fwdiag_SOURCES = %D%/fwdiag.cpp $(tool_sources)
%C%_fwdiag_LDADD = $(tool_libs)
%C%_fwdiag_LDFLAGS = $(tool_ldflags)
%C%_fwdonor_SOURCES = %D%/fwdonor.cpp $(tool_sources)
%C%_fwdonor_LDADD = $(tool_libs)
%C%_fwdonor_LDFLAGS = $(tool_ldflags)
%C%_fwdonord_SOURCES = %D%/fwdonord.cpp $(tool_sources)
%C%_fwdonord_LDADD = $(tool_libs)
%C%_fwdonord_LDFLAGS = $(tool_ldflags)
%C%_fwrecover_SOURCES = %D%/fwrecover.cpp $(tool_sources)
%C%_fwrecover_LDADD = $(tool_libs)
%C%_fwrecover_LDFLAGS = $(tool_ldflags)
