# SPDX-License-Identifier: GPL-3.0-or-later
# lib/settings: the two configuration files, from their text to what the machines and drivers want.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libsettings.la
%C%_libsettings_la_SOURCES =
%C%_libsettings_la_SOURCES += %D%/addresses.cpp
%C%_libsettings_la_SOURCES += %D%/addresses.hpp
%C%_libsettings_la_SOURCES += %D%/donor_config.cpp
%C%_libsettings_la_SOURCES += %D%/donor_config.hpp
%C%_libsettings_la_SOURCES += %D%/media_config.cpp
%C%_libsettings_la_SOURCES += %D%/media_config.hpp
%C%_libsettings_la_SOURCES += %D%/recipient_config.cpp
%C%_libsettings_la_SOURCES += %D%/recipient_config.hpp
%C%_libsettings_la_SOURCES += %D%/secret_environment.cpp
%C%_libsettings_la_SOURCES += %D%/secret_environment.hpp
%C%_libsettings_la_SOURCES += %D%/settings.cpp
%C%_libsettings_la_SOURCES += %D%/settings.hpp
%C%_libsettings_la_SOURCES += %D%/trusted_file.cpp
%C%_libsettings_la_SOURCES += %D%/trusted_file.hpp
