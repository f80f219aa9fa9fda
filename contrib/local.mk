# SPDX-License-Identifier: GPL-3.0-or-later
# contrib: the demonstration, lab scripts, systemd units, cron examples, shell completion.
# Files that are only distributed go to EXTRA_DIST, one a line:
#   EXTRA_DIST += %D%/demo/demo.sh
# Completion for bash is installed under the name of its program.
# Units too, when there is systemd; those with paths in them have a template NAME.service.in.

dist_bashcompletion_DATA =
dist_bashcompletion_DATA += %D%/completion/fwdiag
dist_bashcompletion_DATA += %D%/completion/fwdonor
dist_bashcompletion_DATA += %D%/completion/fwdonord
dist_bashcompletion_DATA += %D%/completion/fwrecover
EXTRA_DIST += %D%/demo/demo.sh
EXTRA_DIST += %D%/lab/recover-boards.sh
EXTRA_DIST += %D%/lab/recover-with-ipmitool.sh

examplesdir = $(docdir)/examples
dist_examples_DATA =
dist_examples_DATA += %D%/cron/fwdonord.cron
dist_examples_DATA += %D%/cron/fwrecover.cron
dist_examples_DATA += %D%/examples/fwdonord.toml
dist_examples_DATA += %D%/examples/fwrecover.toml
dist_examples_DATA += %D%/lines/70-fwrecover-lines.rules
dist_examples_DATA += %D%/lines/fwdonord-bluetooth.conf
dist_examples_DATA += %D%/lines/fwdonord-lines.conf
dist_examples_DATA += %D%/lines/fwrecover-check-lines.conf
dist_examples_DATA += %D%/lines/fwrecover-rfcomm.service
dist_examples_DATA += %D%/lines/wiring.md

units =
units += %D%/systemd/fwdonord.service
units += %D%/systemd/fwrecover-check.service
units += %D%/systemd/fwrecover-confirm.service
units += %D%/systemd/fwrecover-rollback.service
if HAVE_SYSTEMD
dist_systemdsystemunit_DATA = %D%/systemd/fwrecover-check.timer
nodist_systemdsystemunit_DATA = $(units)
endif
EXTRA_DIST += %D%/systemd/fwdonord.service.in
EXTRA_DIST += %D%/systemd/fwrecover-check.service.in
EXTRA_DIST += %D%/systemd/fwrecover-confirm.service.in
EXTRA_DIST += %D%/systemd/fwrecover-rollback.service.in
CLEANFILES += $(units)

%D%/systemd/fwdonord.service: %D%/systemd/fwdonord.service.in
%D%/systemd/fwrecover-check.service: %D%/systemd/fwrecover-check.service.in
%D%/systemd/fwrecover-confirm.service: %D%/systemd/fwrecover-confirm.service.in
%D%/systemd/fwrecover-rollback.service: %D%/systemd/fwrecover-rollback.service.in
$(units): Makefile
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)$(as_configured) $(srcdir)/$@.in | sed 's,@sbindir[@],$(sbindir),g' >$@
