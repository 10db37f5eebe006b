/** Waits in ppoll, like QEMU's main loop. Prints the numbers of two descriptors. */

import { Fd } from "../../../ffi/fd.ts";
import { O_RDWR } from "../../../ffi/open_flags.ts";

const { symbols } = Deno.dlopen("libc.so.6", {
  ppoll: {
    parameters: ["pointer", "u64", "pointer", "pointer"],
    result: "i32",
  },
});
const files = [1, 2].map(() => Fd.open("/dev/null", O_RDWR));
console.log(files.map(({ number }) => number).join(" "));
Deno.exit(symbols.ppoll(null, 0n, null, null) + 1);
