#!/bin/sh
# cprctl @VERSION@ for @TARGET@, the portable form.
#
# This is a shell script with Deno and cprctl's JavaScript appended, not the
# executable that "deno compile" makes. `cprctl version --json` tells which is
# which.
#
# The first start unpacks both into a folder named after their hash; every
# start executes them from there. A place for the folder is, in this order:
#
#   $XDG_CACHE_HOME/cprctl  /var/cache/cprctl  $HOME/.cache/cprctl  /run/cprctl
#       where the parent ($HOME itself for the third) belongs to the user and
#       has no sticky bit, so nobody else can put anything there
#   /var/tmp/cprctl-UID  /tmp/cprctl-UID  /dev/shm/cprctl-UID
#       where it is a folder, not a link, that belongs to the user, of mode 0700
#
# What is unpacked is checked against its hashes before it gets its name, and
# dated back. After that the folder is trusted: only the user and root can
# change it, and both could as well change this file. But cleaners remove files
# and full disks truncate them: where a file is missing, or newer than it was
# dated, everything is unpacked again. A folder of others, or a file system that
# executes nothing, are passed by. The one that unpacks removes other versions
# from the same place, unless a process runs from them.
#
# Between this file's start and Deno's there is nothing but built-in commands, and
# no fork, where it runs inside a guest's downtime, with exec as its first word.
# Names begin with cprctl_, lest a variable of the caller's environment change
# on the way.

case $0 in
/*) CPRCTL_SELF=$0 ;;
*) CPRCTL_SELF=$PWD/$0 ;;
esac

cprctl_id=@ID@

# Whether the folder $1 has what this file has, unpacked by this user.
cprctl_unpacked() {
  cprctl_home=$1/$cprctl_id
  [ -O "$cprctl_home" ] && [ -O "$cprctl_home/main.js" ] &&
    [ -x "$cprctl_home/deno" ] && [ -f "$cprctl_home/sums" ] || return
  for cprctl_part in @PARTS@; do
    cprctl_part=$cprctl_home/$cprctl_part
    [ -f "$cprctl_part" ] && [ ! "$cprctl_part" -nt "$cprctl_home/sums" ] ||
      return
  done
}

# Whether only this user can put anything into the folder $1.
cprctl_own() {
  case $1 in /*) [ -O "$1" ] && [ ! -k "$1" ] ;; *) return 1 ;; esac
}

# Whether it is unpacked below the folder $1, at $1$2.
cprctl_below() {
  cprctl_own "$1" && [ ! -h "$1$2" ] && cprctl_unpacked "$1$2"
}

# Whether it is unpacked in the user's own folders.
cprctl_at_hand() {
  cprctl_below /var/cache /cprctl ||
    cprctl_below "${HOME:-}" /.cache/cprctl ||
    cprctl_below /run /cprctl
}

# Whether it is unpacked in a folder among those of others; this costs forks.
cprctl_among_others() {
  for cprctl_place in /var/tmp /tmp /dev/shm; do
    [ -k "$cprctl_place" ] &&
      cprctl_private "$cprctl_place/cprctl-$cprctl_user" &&
      cprctl_unpacked "$cprctl_place/cprctl-$cprctl_user" && return
  done
  return 1
}

# What a first start needs: unpacks, and sets cprctl_home.
cprctl_first_start() {
  cprctl_why=$(PATH=/usr/bin:/bin uname -m) || exit 1
  if [ "$cprctl_why" != @TARGET@ ]; then
    printf '%s\n' "cprctl: Cannot run on $cprctl_why: this file is for @TARGET@" >&2
    exit 1
  fi
  cprctl_why=
  cprctl_user=$(PATH=/usr/bin:/bin id -u) || exit 1
  if [ -n "${XDG_CACHE_HOME:-}" ]; then
    (umask 077 && PATH=/usr/bin:/bin mkdir -p "$XDG_CACHE_HOME") 2>/dev/null
    cprctl_try "$XDG_CACHE_HOME" /cprctl && return
    cprctl_at_hand && return
  fi
  cprctl_among_others && return
  cprctl_try /var/cache /cprctl && return
  if [ -n "${HOME:-}" ]; then
    cprctl_try "$HOME" /.cache/cprctl && return
  fi
  cprctl_try /run /cprctl && return
  for cprctl_place in /var/tmp /tmp /dev/shm; do
    [ -k "$cprctl_place" ] &&
      cprctl_unpack "$cprctl_place/cprctl-$cprctl_user" && return
  done
  printf '%s\n' "cprctl: Cannot unpack itself: no place is fit$cprctl_why" \
    'Set XDG_CACHE_HOME to a folder of your own with room for @MEGABYTES@ MB' >&2
  exit 1
}

# Unpacks to $1$2 if only this user can put anything into $1.
cprctl_try() {
  if cprctl_own "$1"; then
    cprctl_unpack "$1$2"
  else
    cprctl_why="$cprctl_why
  $1$2: $1 is not this user's own"
    return 1
  fi
}

cprctl_unpack() {
  if cprctl_said=$(cprctl_unpack_into "$1" 2>&1) && cprctl_unpacked "$1"; then
    return 0
  fi
  # No other place would help.
  case $cprctl_said in
  *' is damaged: fetch it again')
    printf '%s\n' "cprctl: Cannot unpack itself: $cprctl_said" >&2
    exit 1
    ;;
  esac
  cprctl_why="$cprctl_why
  $1: $cprctl_said"
  return 1
}

# Whether $1 is a folder, not a link, that belongs to this user alone.
cprctl_private() {
  [ -d "$1" ] || return
  case $(PATH=/usr/bin:/bin LC_ALL=C stat -c '%u %a %F' "$1") in
  "$cprctl_user 700 directory" | "$cprctl_user 2700 directory") return 0 ;;
  *) return 1 ;;
  esac
}

# In a shell of its own; what it writes is the reason why it failed.
cprctl_unpack_into() (
  PATH=/usr/bin:/bin LC_ALL=C
  export PATH LC_ALL
  umask 077
  mkdir -p "$1" || exit
  if ! cprctl_private "$1"; then
    echo 'it is no folder of mode 0700 that belongs to this user'
    exit 1
  fi
  cd "$1" || exit
  # One unpacks, the others wait; where there is no flock all do, to no harm.
  exec 9<. && flock -w 60 9 2>/dev/null && rm -rf ./unpack.*
  if cprctl_unpacked "$PWD"; then exit 0; fi
  work=$(mktemp -d unpack.XXXXXXXXXX) || exit
  trap 'cd / && rm -rf "$1/$work"' EXIT
  trap 'exit 1' HUP INT TERM
  cd "./$work" || exit

  printf '#!/bin/sh\n' >probe
  chmod 0700 probe
  if ! ./probe 2>/dev/null; then
    echo 'its file system executes nothing'
    exit 1
  fi
  rm probe

  left=@SIZE@
  @TAKE@
  if ! sha256sum -c sums >/dev/null 2>&1; then
    printf '"%s" is damaged: fetch it again\n' "$CPRCTL_SELF"
    exit 1
  fi
  chmod 0700 deno
  mkdir deno_dir
  ./deno --version >/dev/null || exit
  # Whatever changes a file later makes it newer, even on a clock put back.
  touch -m -t 200001010000 ./* || exit
  # Half a file under a good name would be there for good after a power cut.
  sync ./* || exit

  cd ..
  if ! mv -T "$work" "$cprctl_id" 2>/dev/null; then
    if cprctl_unpacked "$PWD"; then exit 0; fi # another start was faster
    mv -T "$cprctl_id" "$work/unfit" && mv -T "$work" "$cprctl_id" || exit
    rm -rf "$cprctl_id/unfit"
  fi
  cprctl_remove_others
  exit 0
)

# Removes other versions from this folder, unless a process runs from them.
cprctl_remove_others() {
  for other in *.*.*-????????????????; do
    [ "$other" != "$cprctl_id" ] && [ ! -h "$other" ] &&
      [ -f "$other/sums" ] && [ -f "$other/main.js" ] || continue
    if cprctl_in_use "$other"; then continue; fi
    mv -T "$other" unpack.other 2>/dev/null || continue
    # One that started just now runs on, from where it was.
    if cprctl_in_use unpack.other; then
      mv -T unpack.other "$other"
    else
      rm -rf unpack.other
    fi
  done
}

# Whether a process executes the Deno in the folder $1, here or in another mount
# namespace; also where that cannot be known.
cprctl_in_use() {
  [ -e "/proc/$$/exe" ] || return 0
  used=$(stat -L -c '%d:%i' /proc/[0-9]*/exe 2>/dev/null)
  file=$(stat -c '%d:%i' "$1/deno" 2>/dev/null) || file=none
  case "
$used
" in *"
$file
"*) return 0 ;; esac
  # A file that was removed, or replaced, under its process.
  readlink /proc/[0-9]*/exe 2>/dev/null | grep -qF "/$1/deno"
}

# Takes the next $1 bytes of what is appended as file $3 with SHA-256 $2.
cprctl_take() {
  tail -c "$left" "$CPRCTL_SELF" | head -c "$1" >"$3" || exit
  left=$((left - $1))
  printf '%s  %s\n' "$2" "$3" >>sums
}

@FORGET@

if [ -n "${XDG_CACHE_HOME:-}" ]; then
  cprctl_below "$XDG_CACHE_HOME" /cprctl
else
  cprctl_at_hand
fi || cprctl_first_start </dev/null

DENO_DIR=$cprctl_home/deno_dir
@START@
