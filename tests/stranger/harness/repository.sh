# A repository of Debian packages on the host, with newer and newer QEMUs in it:
# the files of the installed one, as another version.
#
#   publish VERSION [SCRIPT]    SCRIPT stands for the program; it finds it as
#                               /usr/bin/qemu-system-x86_64.real
publish() {
  rm -rf /srv/package
  mkdir -p /srv/package/DEBIAN /srv/repository
  cp /var/lib/dpkg/info/qemu-system-x86.list /srv/list
  while read -r path; do
    if [ -h "$path" ] || [ -f "$path" ]; then
      cp -a --parents "$path" /srv/package
    fi
  done </srv/list
  dpkg-query --status qemu-system-x86 |
    sed "/^Status:/d; /^Conffiles:/,/^[^ ]/{/^Conffiles:/d; /^ /d}; s/^Version: .*/&+$1/" \
      >/srv/package/DEBIAN/control
  if [ -n "${2:-}" ]; then
    mv /srv/package/usr/bin/qemu-system-x86_64 /srv/package/usr/bin/qemu-system-x86_64.real
    printf '%s\n' "$2" >/srv/package/usr/bin/qemu-system-x86_64
    chmod 0755 /srv/package/usr/bin/qemu-system-x86_64
  elif [ -e /srv/package/usr/bin/qemu-system-x86_64.real ]; then
    mv /srv/package/usr/bin/qemu-system-x86_64.real /srv/package/usr/bin/qemu-system-x86_64
  fi
  rm -f /srv/repository/*
  dpkg-deb --build -Znone /srv/package /srv/repository/qemu.deb >/dev/null
  {
    cat /srv/package/DEBIAN/control
    echo "Filename: ./qemu.deb"
    echo "Size: $(stat -c %s /srv/repository/qemu.deb)"
    echo "SHA256: $(sha256sum </srv/repository/qemu.deb | cut -d' ' -f1)"
  } >/srv/repository/Packages
  echo 'deb [trusted=yes] file:/srv/repository ./' >/etc/apt/sources.list
}

upgrade() {
  apt-get update --quiet=2
  apt-get upgrade --yes --quiet=2
}
