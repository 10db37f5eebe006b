/** cpr-reboot: a later process finds the RAM in a file. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { O_RDONLY } from "../../../ffi/open_flags.ts";
import { STATUS } from "../../../lib/machine/guest/mod.ts";
import { runCprctl } from "../../../testing/program/program.ts";
import { until } from "../../../testing/program/until.ts";
import {
  ask,
  DEADLINE_MS,
  enable,
  Lab,
  reached,
  runState,
} from "../../../testing/machine/mod.ts";
import { RAM_BASE } from "../../../lib/machine/cpu/mod.ts";
import { readGuestStatus } from "../../../lib/machine/guest/mod.ts";

const MIB = 1024 * 1024;

Deno.test("RAM in a shared file is not sent: a fresh process finds it there", async () => {
  await using lab = await Lab.open();
  const file = lab.path("ram");
  const state = `file:${lab.path("state")}`;
  const object = `memory-backend-file,id=ram0,size=1M,mem-path=${file}`;
  const ram = ["-object", `${object},share=on`];
  const status = () => {
    const bytes = new Uint8Array(MIB);
    using memory = Fd.open(file, O_RDONLY);
    memory.pread(bytes, 0);
    return readGuestStatus(bytes);
  };
  assert(STATUS >= RAM_BASE);
  const old = lab.start({ ram });
  const qmp = await old.connect();
  await until("the guest ticks", DEADLINE_MS, () => status().ticks >= 3);
  await enable(qmp, "events", "x-ignore-shared");
  await qmp.execute("migrate-set-parameters", { mode: "cpr-reboot" });
  using watch = qmp.watch();
  await qmp.execute("migrate", { uri: state });
  await reached(watch, "completed");
  assertEquals(await runState(qmp), "postmigrate");
  const { ticks, counter } = status();
  await qmp.execute("quit");
  await old.ended();
  // The auxiliary RAM is in the stream, the file is not.
  assert(Deno.statSync(lab.path("state")).size < MIB / 4);
  const verified = await runCprctl([
    ...["inspect", "--verify", lab.path("state")],
  ]);
  assertEquals(verified.code, 0, verified.stdout + verified.stderr);

  // Without the capability it would be another machine's stream.
  const plain = lab.start({ ram, more: ["-incoming", state] });
  assertEquals((await plain.ended()).code, 1);
  assertStringIncludes(plain.stderr.text, '"x-ignore-shared" is off here');
  assertEquals(status(), { ...status(), ticks, counter });

  const fresh = lab.start({ ram, more: ["-incoming", "defer"] });
  const there = await fresh.connect();
  await enable(there, "x-ignore-shared");
  await there.execute("migrate-incoming", { uri: state });
  await until(
    "it is loaded",
    DEADLINE_MS,
    async () => await ask(there, "query-migrate", "status") === "completed",
  );
  assertEquals(await runState(there), "running");
  await until("it ticks", DEADLINE_MS, () => status().ticks > ticks + 2);
  assertEquals(status().error, 0);
  assert(status().counter > counter);
});
