# SPDX-License-Identifier: GPL-3.0-or-later
# lib/policy: health, compatibility, donor selection: decisions with reasons.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libpolicy.la
%C%_libpolicy_la_SOURCES =
%C%_libpolicy_la_SOURCES += %D%/health.cpp
%C%_libpolicy_la_SOURCES += %D%/health.hpp
%C%_libpolicy_la_SOURCES += %D%/policy.cpp
%C%_libpolicy_la_SOURCES += %D%/policy.hpp
%C%_libpolicy_la_SOURCES += %D%/words.cpp
%C%_libpolicy_la_SOURCES += %D%/words.hpp
