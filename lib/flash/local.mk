# SPDX-License-Identifier: GPL-3.0-or-later
# lib/flash: slots, their state record, targets.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libflash.la
%C%_libflash_la_SOURCES =
%C%_libflash_la_SOURCES += %D%/boot_record.cpp
%C%_libflash_la_SOURCES += %D%/boot_record.hpp
%C%_libflash_la_SOURCES += %D%/history_file.cpp
%C%_libflash_la_SOURCES += %D%/record_codec.cpp
%C%_libflash_la_SOURCES += %D%/slot_contents.cpp
%C%_libflash_la_SOURCES += %D%/slot_contents.hpp
%C%_libflash_la_SOURCES += %D%/slot_file.cpp
%C%_libflash_la_SOURCES += %D%/slots.cpp
%C%_libflash_la_SOURCES += %D%/slots.hpp
%C%_libflash_la_SOURCES += %D%/state_file.cpp
%C%_libflash_la_SOURCES += %D%/state_file.hpp
%C%_libflash_la_SOURCES += %D%/storage_file.cpp
%C%_libflash_la_SOURCES += %D%/storage_file.hpp
