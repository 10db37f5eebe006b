# Takes from the environment what would make Deno load code, write files or ask
# others for its permissions: none of it is meant for the Deno in this file.
cprctl_forget() {
  set -f
  IFS='
'
  for cprctl_name in $(export -p); do
    cprctl_name=${cprctl_name%%=*}
    cprctl_name=${cprctl_name##* }
    case $cprctl_name in
    *[!A-Za-z0-9_]*) ;; # a line of a value: no name
    DENO_* | NODE_*) unset "$cprctl_name" ;;
    esac
  done
  unset IFS
  set +f
}

# With exec the environment is the next program's, and so are its rights.
[ "${1:-}" = exec ] || cprctl_forget
