import { assertEquals } from "@std/assert";
import { said } from "../../ffi/processes.ts";

const PROGRAM = new URL("programs/put_off.ts", import.meta.url).pathname;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP"];

for (const signal of SIGNALS) {
  Deno.test(`${signal} is deferred`, async () => {
    const deno = [Deno.execPath(), "run", "--allow-all", "--no-check"];
    assertEquals(await said([...deno, PROGRAM, signal]), `${signal}\n`);
  });
}
