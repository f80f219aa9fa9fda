# SPDX-License-Identifier: GPL-3.0-or-later
# contrib: the demonstration, lab scripts, systemd units, cron examples, shell completion.
# Files that are only distributed go to EXTRA_DIST, one a line:
#   EXTRA_DIST += %D%/demo/demo.sh
# Completion is installed: dist_bashcompletion_DATA += %D%/completion/fwrecover
# Units too, when there is systemd: dist_systemdsystemunit_DATA += %D%/systemd/fwdonord.service

dist_bashcompletion_DATA =
dist_systemdsystemunit_DATA =
EXTRA_DIST += %D%/demo/demo.sh
EXTRA_DIST += %D%/lab/recover-with-ipmitool.sh
