/** What dpkg and a reader of /usr/share/doc are told of the package. */

import { VERSION } from "../../lib/version.ts";
import type { Component } from "../compile/licences.ts";
import type { Target } from "../compile/target.ts";

/** As Debian names the machines. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  aarch64: "arm64",
};

/** The architecture as Debian names it. */
export function debianArchitecture({ architecture }: Target): string {
  return ARCHITECTURES[architecture] ?? architecture;
}

/** Who answers for the package, as Debian's own tools are told it. */
export function maintainer(): string {
  const name = Deno.env.get("DEBFULLNAME") || "The cprctl maintainers";
  const address = Deno.env.get("DEBEMAIL") || "maintainers@cprctl.invalid";
  return `${name} <${address}>`;
}

/** DEBIAN/control. */
export function control(target: Target, kibibytes: number): string {
  return `\
Package: cprctl
Version: ${VERSION}
Architecture: ${debianArchitecture(target)}
Maintainer: ${maintainer()}
Installed-Size: ${kibibytes}
Depends: libc6 (>= 2.27), libgcc-s1
Enhances: qemu-system-arm, qemu-system-x86
Section: admin
Priority: optional
Description: replace the QEMU under a running virtual machine
 cprctl moves a running virtual machine to a newly installed QEMU, in place:
 the process id stays, guest RAM stays where it is, and the guest stops for
 about as long as the new QEMU takes to start. cprctl checks before it touches
 anything, and rolls the machine back to the old program if the new one fails.
 .
 It needs QEMU 10.2 or later on both sides (migration mode cpr-exec).
`;
}

/** changelog.gz of a package that is nobody else's. */
export function changelog(seconds: number, commit: string | null): string {
  const time = new Date(seconds * 1000).toUTCString().replace("GMT", "+0000");
  return `\
cprctl (${VERSION}) unstable; urgency=medium

  * Built from ${commit ?? "a source without a commit"}.

 -- ${maintainer()}  ${time}
`;
}

/** Debian has this text on every host, and wants it in no package. */
const APACHE = /^\s*Apache License\s+Version 2\.0/;
const WHERE_APACHE = `\
Licensed under the Apache License, Version 2.0. On Debian systems its text is in
/usr/share/common-licenses/Apache-2.0.`;

/** The file "copyright". */
export function copyright(components: readonly Component[]): string {
  const parts = components.map(({ title, text }) => {
    const shown = APACHE.test(text)
      ? `Copyright: the authors of cprctl\n\n${WHERE_APACHE}`
      : text.trim();
    return `${title}\n${"-".repeat(title.length)}\n\n${shown}\n`;
  });
  return "The package cprctl is made of the parts below.\n\n" +
    parts.join("\n");
}

/** What lintian is to pass over, and why. */
export const OVERRIDES = `\
# The Deno of its makers, as they built it for all distributions.
cprctl: embedded-library * [usr/lib/cprctl/deno]
cprctl: hardening-no-relro [usr/lib/cprctl/deno]
cprctl: binary-has-unneeded-section * [usr/lib/cprctl/deno]
cprctl: spelling-error-in-binary * [usr/lib/cprctl/deno]
# deb-systemd-invoke would wait for the end of an update, and apt with it.
cprctl: maintainer-script-calls-systemctl *
`;
