cprctl_entry=main.js
[ "${1:-}" != exec ] || cprctl_entry=exec.js

# Deno raises the soft limit of open files; this is the last who can see it.
[ -n "${CPRCTL_OPEN_FILES:-}" ] || CPRCTL_OPEN_FILES=$(ulimit -Sn)
DENO_NO_UPDATE_CHECK=1
export CPRCTL_SELF CPRCTL_OPEN_FILES DENO_DIR DENO_NO_UPDATE_CHECK
exec "$cprctl_home/deno" run @FLAGS@ "$cprctl_home/$cprctl_entry" "$@"
