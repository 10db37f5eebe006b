import { assertEquals, assertThrows } from "@std/assert";
import { OsError } from "../../ffi/libc.ts";
import { readSeccompFilters } from "../../ffi/seccomp.ts";
import { REFUSE_SETHOSTNAME } from "./filter.ts";

const ignore = Deno.uid() !== 0 ||
  /^Seccomp:\s*2$/m.test(Deno.readTextFileSync("/proc/self/status"));

Deno.test({
  name: "the filters of a process are read, and it goes on",
  ignore,
  async fn() {
    const program = new URL("programs/under_filter.ts", import.meta.url);
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", program.pathname],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = process.stdout.getReader();
    await reader.read(); // the filter is there
    assertEquals(readSeccompFilters(process.pid), [REFUSE_SETHOSTNAME]);
    assertEquals(readSeccompFilters(process.pid), [REFUSE_SETHOSTNAME]);
    await process.stdin.close();
    await reader.cancel();
    assertEquals((await process.status).code, 0);
  },
});

Deno.test({
  name: "a process without filters has none, and one that is gone is told",
  ignore,
  async fn() {
    const process = new Deno.Command("cat", { stdin: "piped" }).spawn();
    assertEquals(readSeccompFilters(process.pid), []);
    await process.stdin.close();
    await process.status;
    const { code } = assertThrows(
      () => readSeccompFilters(process.pid),
      OsError,
    );
    assertEquals(code, "ESRCH");
  },
});
