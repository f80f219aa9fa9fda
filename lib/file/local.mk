# SPDX-License-Identifier: GPL-3.0-or-later
# lib/file: open, read, write, replace, flush and lock files; one map from errno.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libfile.la
%C%_libfile_la_SOURCES =
%C%_libfile_la_SOURCES += %D%/file.cpp
%C%_libfile_la_SOURCES += %D%/file.hpp
%C%_libfile_la_SOURCES += %D%/file_error.cpp
%C%_libfile_la_SOURCES += %D%/file_error.hpp
%C%_libfile_la_SOURCES += %D%/lock_file.cpp
%C%_libfile_la_SOURCES += %D%/lock_file.hpp
%C%_libfile_la_SOURCES += %D%/space.cpp
%C%_libfile_la_SOURCES += %D%/space.hpp
