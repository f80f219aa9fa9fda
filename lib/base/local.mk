# SPDX-License-Identifier: GPL-3.0-or-later
# lib/base: Result and Error, byte cursors, strong types.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libbase.la
%C%_libbase_la_SOURCES =
%C%_libbase_la_SOURCES += %D%/address.cpp
%C%_libbase_la_SOURCES += %D%/address.hpp
%C%_libbase_la_SOURCES += %D%/bytes.cpp
%C%_libbase_la_SOURCES += %D%/bytes.hpp
%C%_libbase_la_SOURCES += %D%/error.cpp
%C%_libbase_la_SOURCES += %D%/error.hpp
%C%_libbase_la_SOURCES += %D%/link_properties.hpp
%C%_libbase_la_SOURCES += %D%/log_text.cpp
%C%_libbase_la_SOURCES += %D%/log_text.hpp
%C%_libbase_la_SOURCES += %D%/parse.cpp
%C%_libbase_la_SOURCES += %D%/parse.hpp
%C%_libbase_la_SOURCES += %D%/random.hpp
%C%_libbase_la_SOURCES += %D%/retry_eintr.hpp
%C%_libbase_la_SOURCES += %D%/slow_link.hpp
%C%_libbase_la_SOURCES += %D%/soonest.hpp
%C%_libbase_la_SOURCES += %D%/token_bucket.hpp
%C%_libbase_la_SOURCES += %D%/types.cpp
%C%_libbase_la_SOURCES += %D%/types.hpp
%C%_libbase_la_SOURCES += %D%/unique_fd.hpp
