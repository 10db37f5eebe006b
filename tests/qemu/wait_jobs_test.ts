/** An update that waits for a backup of a disk. */

import { assert, assertEquals } from "@std/assert";
import { unfinishedJobs } from "../../lib/update/vm/block_jobs.ts";
import { LINUX } from "../../lib/update/linux.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  commandOfAnother,
  PLAIN,
  SECOND_MONITOR,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { tryToMove } from "./moved.ts";

const builds = await qemuBuilds();
const SIZE = 4 << 20;

Deno.test("a VM whose disk is backed up is updated when that is done", async () => {
  await using vm = await VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: [
      ...SECOND_MONITOR,
      ...["from", "to"].flatMap((name) => [
        ...["-blockdev", `null-co,node-name=${name},size=${SIZE}`],
      ]),
    ],
  }, "tcg");
  const witness = await Witness.of(vm);
  // A byte a second: it ends only when it may go faster.
  const job = { "job-id": "backup", sync: "full", speed: 1 };
  await vm.command("blockdev-backup", { ...job, device: "from", target: "to" });
  const refused = await tryToMove(vm, builds.new);
  assertEquals(refused.error?.code, "block-jobs", refused.error?.message);

  let asked = 0;
  const report = await tryToMove(vm, builds.new, { waitJobs: true }, {
    ...LINUX,
    connect: async (...args) => {
      const client = await LINUX.connect(...args);
      const execute = client.execute.bind(client);
      client.execute = async (name, ...rest) => {
        const reply = await execute(name, ...rest);
        if (name === "query-jobs" && asked++ === 0) {
          // It was told of the job, and now waits for its end.
          assertEquals(unfinishedJobs(reply).length, 1);
          const faster = { device: "backup", speed: 0 };
          await commandOfAnother(vm, "block-job-set-speed", faster);
        }
        return reply;
      };
      return client;
    },
  });
  assertEquals(report.outcome, "updated", report.error?.message);
  // Without the wait, the update would have started over.
  assertEquals(report.warnings, []);
  assert(asked > 1, "Nobody asked");
  await witness.assertLivesOn();
});
