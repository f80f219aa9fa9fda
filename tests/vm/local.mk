# SPDX-License-Identifier: GPL-3.0-or-later
# tests/vm: a virtual machine with Debian's kernel, for what the kernel of the machine may not have.
# run.sh is the test; what ends in .sh beside it runs on its side or in the guest.

VM_HELPERS =
VM_HELPERS += %D%/virtual_controllers
if HAVE_BLUETOOTH
VM_HELPERS += %D%/rfcomm_stream
endif
check_PROGRAMS += $(VM_HELPERS)
%C%_virtual_controllers_SOURCES =
%C%_virtual_controllers_SOURCES += %D%/virtual_air.cpp
%C%_virtual_controllers_SOURCES += %D%/virtual_air.hpp
%C%_virtual_controllers_SOURCES += %D%/virtual_air_commands.cpp
%C%_virtual_controllers_SOURCES += %D%/virtual_controllers.cpp
%C%_rfcomm_stream_SOURCES = %D%/rfcomm_stream.cpp
%C%_rfcomm_stream_LDADD = $(BLUETOOTH_LIBS)

check_LTLIBRARIES += %D%/kcs_ports.la
%C%_kcs_ports_la_SOURCES = %D%/kcs_ports.c
%C%_kcs_ports_la_LDFLAGS = $(AM_LDFLAGS) -module -shared -avoid-version -rpath /nowhere
%C%_kcs_ports_la_LIBADD = $(FREEIPMI_LIBS)

VM_TESTS =
VM_TESTS += %D%/run.sh

TESTS += $(VM_TESTS)
EXTRA_DIST += $(VM_TESTS)
EXTRA_DIST += %D%/archive.sh
EXTRA_DIST += %D%/bluetooth.sh
EXTRA_DIST += %D%/bluetooth-lib.sh
EXTRA_DIST += %D%/bluetooth-security.sh
EXTRA_DIST += %D%/bluetooth-tty.sh
EXTRA_DIST += %D%/guest.sh
EXTRA_DIST += %D%/in-band.sh
EXTRA_DIST += %D%/in-band-host.sh
EXTRA_DIST += %D%/init.sh
EXTRA_DIST += %D%/kernel.sh
EXTRA_DIST += %D%/media.sh
EXTRA_DIST += %D%/wifi.sh

# The kernel and the archive made of it: "make clean" leaves them, as they need the network.
distclean-local:
	rm -rf vm
