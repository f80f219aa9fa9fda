# SPDX-License-Identifier: GPL-3.0-or-later
# lib/image: manifest, signature, hash tree.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libimage.la
%C%_libimage_la_SOURCES =
%C%_libimage_la_SOURCES += %D%/compatibility.cpp
%C%_libimage_la_SOURCES += %D%/hash_tree.cpp
%C%_libimage_la_SOURCES += %D%/hash_tree.hpp
%C%_libimage_la_SOURCES += %D%/image_file.cpp
%C%_libimage_la_SOURCES += %D%/image_file.hpp
%C%_libimage_la_SOURCES += %D%/manifest.cpp
%C%_libimage_la_SOURCES += %D%/manifest.hpp
%C%_libimage_la_SOURCES += %D%/signature.cpp
%C%_libimage_la_SOURCES += %D%/signature.hpp
%C%_libimage_la_SOURCES += %D%/versions.cpp
