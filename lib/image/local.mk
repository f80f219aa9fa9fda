# SPDX-License-Identifier: GPL-3.0-or-later
# lib/image: manifest, signature, hash tree, container formats.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libimage.la
%C%_libimage_la_SOURCES =
