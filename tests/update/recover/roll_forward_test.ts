import { assertEquals, assertRejects } from "@std/assert";
import { PidFd } from "../../../ffi/process.ts";
import { NeedsPersonError } from "../../../lib/update/error.ts";
import type { Unfinished } from "../../../lib/update/recover/recovery.ts";
import { rollForward } from "../../../lib/update/recover/roll_forward.ts";
import { Destination } from "../../../lib/update/transaction/destination.ts";
import { factsOf } from "../command/vm.ts";
import { ScriptedMonitor } from "../scripted_monitor.ts";

const PAUSED = { status: "paused", running: false };
const RUNS = { status: "running", running: true };

Deno.test("a VM that stops whenever it was resumed is left to a person", async () => {
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  const folder = await Deno.makeTempDir();
  const heard: string[] = [];
  let asked = 0;
  const monitor = new ScriptedMonitor("vm", heard, {
    // The recovery asks first, then twice after each `cont`.
    "query-status": () => asked++ % 3 === 0 ? PAUSED : RUNS,
    "cont": (it) => {
      it.event("RESUME");
      return {};
    },
  }, () => undefined);
  try {
    const client = await monitor.connect();
    await using destination = Destination.attach(
      client,
      PidFd.open(child.pid),
      "new",
    );
    const vm = { ...factsOf([]), pid: child.pid, running: true };
    const error = await assertRejects(
      () =>
        rollForward({ destination, pid: child.pid } as never, {
          directory: { path: folder },
          journal: { vm },
          mayHaveRun: true,
          request: { timeoutMs: 500, self: [] },
        } as unknown as Unfinished),
      NeedsPersonError,
    );
    assertEquals(error.code, "unsettled");
  } finally {
    await monitor[Symbol.asyncDispose]();
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(folder, { recursive: true });
  }
});
