#!/bin/sh
# The first process of the guest. Answers commands on its second serial line:
#
#   host    ID TAB COMMAND
#   guest   ID TAB EXIT-STATUS TAB OUTPUT-IN-BASE64
#
# A command that is sent again, since its answer was lost with a connection, is
# answered again, not executed again.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /run
mkdir -p /run/sums
dmesg -n 7
while read -r name; do
  insmod "/modules/$name.ko" 2>/dev/null
done </modules/order

ip link set lo up
if [ -e /sys/class/net/eth0 ]; then
  ip addr add 10.0.2.15/24 dev eth0
  ip link set eth0 up
  nc -ll -p 7 -e cat &
fi
if [ -b /dev/vda ]; then
  mount -t ext4 /dev/vda /data && writer &
fi

stty -F /dev/ttyS1 raw -echo
exec 3<>/dev/ttyS1
echo "guest is up" >/dev/console
last=
while IFS='	' read -r id command <&3; do
  if [ "$id" != "$last" ]; then
    output=$(eval "$command" 2>&1 3<&-)
    status=$?
    last=$id
  fi
  printf '%s\t%s\t%s\n' "$id" "$status" "$(printf %s "$output" | base64 -w 0)" >&3
done
