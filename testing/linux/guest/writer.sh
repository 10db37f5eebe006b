#!/bin/sh
# Writes files for ever, and reads old ones back from the disk:
#
#   /run/written   how many were written
#   /run/checked   how many were read back
#   /run/errors    what went wrong; empty unless something did
FILES=32
: >/run/errors
n=0
checked=0
until [ -e /run/writer-stops ]; do
  slot=$((n % FILES))
  if head -c 65536 /dev/urandom >/run/block &&
    dd if=/run/block of=/data/new bs=65536 conv=fsync 2>/dev/null &&
    mv /data/new "/data/$slot"; then
    sha256sum </run/block >"/run/sums/$slot"
    n=$((n + 1))
    # A reader must not find it empty.
    echo "$n" >/run/counted && mv /run/counted /run/written
  else
    echo "cannot write $slot" >>/run/errors
  fi
  old=$(((slot + 7) % FILES))
  [ -e "/run/sums/$old" ] || continue
  echo 3 >/proc/sys/vm/drop_caches
  if [ "$(sha256sum <"/data/$old")" = "$(cat "/run/sums/$old")" ]; then
    checked=$((checked + 1))
    echo "$checked" >/run/checked
  else
    echo "other contents in $old" >>/run/errors
  fi
done
echo stopped >/run/writer-state
