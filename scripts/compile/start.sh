# Code is read when it is first needed. What changes a VM reads all of it before
# it begins: the files may be gone in the middle of an update.
case ${1:-} in
update | recover | demo | ansible-module) cprctl_lazy= ;;
*) cprctl_lazy=--unstable-lazy-dynamic-imports ;;
esac

# Deno raises the soft limit of open files; this is the last who can see it.
# ulimit would take a fork, and so longer.
if [ -z "${CPRCTL_OPEN_FILES:-}" ]; then
  while read -r cprctl_max cprctl_open cprctl_files CPRCTL_OPEN_FILES cprctl_rest
  do
    [ "$cprctl_max $cprctl_open" != 'Max open' ] || break
  done 2>/dev/null <"/proc/$$/limits"
  [ -n "${CPRCTL_OPEN_FILES:-}" ] || CPRCTL_OPEN_FILES=$(ulimit -Sn)
fi
DENO_NO_UPDATE_CHECK=1
export CPRCTL_SELF CPRCTL_OPEN_FILES DENO_DIR DENO_NO_UPDATE_CHECK
exec "$cprctl_home/deno" run @FLAGS@ ${cprctl_lazy:+"$cprctl_lazy"} "$cprctl_home/main.js" "$@"
