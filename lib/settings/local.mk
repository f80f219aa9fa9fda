# SPDX-License-Identifier: GPL-3.0-or-later
# lib/settings: the two configuration files, from their text to what the machines and drivers want.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libsettings.la
%C%_libsettings_la_SOURCES =
%C%_libsettings_la_SOURCES += %D%/addresses.cpp
%C%_libsettings_la_SOURCES += %D%/addresses.hpp
%C%_libsettings_la_SOURCES += %D%/donor_config.cpp
%C%_libsettings_la_SOURCES += %D%/donor_config.hpp
%C%_libsettings_la_SOURCES += %D%/line_names.cpp
%C%_libsettings_la_SOURCES += %D%/line_names.hpp
%C%_libsettings_la_SOURCES += %D%/machine_id.cpp
%C%_libsettings_la_SOURCES += %D%/machine_id.hpp
%C%_libsettings_la_SOURCES += %D%/media_config.cpp
%C%_libsettings_la_SOURCES += %D%/media_config.hpp
%C%_libsettings_la_SOURCES += %D%/recipient_config.cpp
%C%_libsettings_la_SOURCES += %D%/recipient_config.hpp
%C%_libsettings_la_SOURCES += %D%/row.hpp
%C%_libsettings_la_SOURCES += %D%/secret.cpp
%C%_libsettings_la_SOURCES += %D%/secret.hpp
%C%_libsettings_la_SOURCES += %D%/secret_environment.cpp
%C%_libsettings_la_SOURCES += %D%/secret_environment.hpp
%C%_libsettings_la_SOURCES += %D%/setting.hpp
%C%_libsettings_la_SOURCES += %D%/settings.cpp
%C%_libsettings_la_SOURCES += %D%/settings.hpp
%C%_libsettings_la_SOURCES += %D%/toml_text.cpp
%C%_libsettings_la_SOURCES += %D%/toml_text.hpp
%C%_libsettings_la_SOURCES += %D%/trusted_file.cpp
%C%_libsettings_la_SOURCES += %D%/trusted_file.hpp
%C%_libsettings_la_SOURCES += %D%/trusted_keys.cpp
%C%_libsettings_la_SOURCES += %D%/trusted_keys.hpp
