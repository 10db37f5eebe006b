#!/bin/sh
# cprctl @VERSION@: starts what is in /usr/lib/cprctl.
#
# Names begin with cprctl_, lest a variable of the caller's environment change
# on the way.

CPRCTL_SELF=/usr/bin/cprctl
cprctl_home=/usr/lib/cprctl

@FORGET@

# So Deno keeps its notes in memory: nothing is written below /usr.
DENO_DIR=/dev/null
@START@
