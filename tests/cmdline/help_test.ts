import { assertEquals } from "@std/assert";
import { optionsInHelp } from "../../lib/cmdline/mod.ts";

const HELP = `usage: qemu-system-x86_64 [options] [disk_image]

-h or -help     display this help and exit
-machine [type=]name[,prop[=value][,...]]
                selects emulated machine
-id n           set the VMID
-loadstate file
                start right away with a saved state
-dtb    file    use 'file' as device tree image
-fda/-fdb file  use 'file' as floppy disk 0/1 image
-snapshot       write to temporary files
-no-user-config
                do not load default user-provided config files at startup
--preconfig     pause QEMU before machine is initialized
-dump-vmstate <file>
-xen-domid-restrict     restrict set of available xen operations
-watchdog-action reset|shutdown
- not an option
-                nor this
`;

Deno.test("whether an option takes a value is in the help", () => {
  const options = optionsInHelp(HELP);
  const names = (takesValue: boolean) =>
    [...options].filter(([, it]) => it.takesValue === takesValue)
      .map(([name]) => name);
  assertEquals(names(true), [
    ...["h", "machine", "id", "loadstate", "dtb", "dump-vmstate"],
    "watchdog-action",
  ]);
  assertEquals(names(false), [
    ...["snapshot", "no-user-config", "preconfig", "xen-domid-restrict"],
  ]);
});
