# SPDX-License-Identifier: GPL-3.0-or-later
# lib/flash: slots, their state record, targets.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libflash.la
%C%_libflash_la_SOURCES =
%C%_libflash_la_SOURCES += %D%/bootloader.cpp
%C%_libflash_la_SOURCES += %D%/bootloader.hpp
%C%_libflash_la_SOURCES += %D%/record/boot_record.cpp
%C%_libflash_la_SOURCES += %D%/record/boot_record.hpp
%C%_libflash_la_SOURCES += %D%/record/history_file.cpp
%C%_libflash_la_SOURCES += %D%/record/history_file.hpp
%C%_libflash_la_SOURCES += %D%/record/record_codec.cpp
%C%_libflash_la_SOURCES += %D%/record/state_file.cpp
%C%_libflash_la_SOURCES += %D%/record/state_file.hpp
%C%_libflash_la_SOURCES += %D%/slot_contents.cpp
%C%_libflash_la_SOURCES += %D%/slot_contents.hpp
%C%_libflash_la_SOURCES += %D%/slots.cpp
%C%_libflash_la_SOURCES += %D%/slots.hpp
%C%_libflash_la_SOURCES += %D%/slots_file.cpp
%C%_libflash_la_SOURCES += %D%/slots_file.hpp
%C%_libflash_la_SOURCES += %D%/storage_file.cpp
%C%_libflash_la_SOURCES += %D%/storage_file.hpp
%C%_libflash_la_SOURCES += %D%/stores.hpp
%C%_libflash_la_SOURCES += %D%/target.cpp
%C%_libflash_la_SOURCES += %D%/target.hpp
%C%_libflash_la_SOURCES += %D%/targets/block_target.cpp
%C%_libflash_la_SOURCES += %D%/targets/block_target.hpp
%C%_libflash_la_SOURCES += %D%/targets/file_target.cpp
%C%_libflash_la_SOURCES += %D%/targets/file_target.hpp
%C%_libflash_la_SOURCES += %D%/targets/kinds.cpp
%C%_libflash_la_SOURCES += %D%/targets/kinds.hpp
%C%_libflash_la_SOURCES += %D%/targets/path_target.cpp
%C%_libflash_la_SOURCES += %D%/targets/path_target.hpp
%C%_libflash_la_SOURCES += %D%/tree_file.cpp
%C%_libflash_la_SOURCES += %D%/tree_file.hpp
