/** A rollback whose first attempt fails has others, whatever it takes. */

import { assertEquals } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { orderOf, updateHere } from "../../testing/update/cprctl.ts";
import { runDirectories } from "../../testing/update/fixture.ts";
import {
  PLAIN,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { kill } from "../../testing/update/members.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 60_000;

/**
 * Takes away what the old program needs at its start, and what another standby
 * process does, until one was tried.
 *
 * @returns what comes to an end when both are there again
 */
async function hinder(
  { files, pid }: VirtualMachine,
): Promise<{ readonly over: Promise<void> }> {
  const [directory] = await runDirectories(pid);
  const [socket, log] = ["standby.sock", "standby.log"]
    .map((name) => `${directory}/${name}`) as [string, string];
  const { ino } = await Deno.stat(socket);
  const aside = `${files.disk}.aside`;
  await Deno.rename(files.disk, aside);
  await Deno.rename(log, `${log}.aside`);
  await Deno.mkdir(log);
  const tried = until(
    "another standby process is tried",
    TIMEOUT_MS,
    async () => {
      const now = await Deno.stat(socket).catch(() => undefined);
      return now !== undefined && now.ino !== ino;
    },
  );
  const over = tried.then(async () => {
    await Deno.rename(aside, files.disk);
    await Deno.remove(log);
  });
  over.catch(() => {}); // heard by the test
  return { over };
}

Deno.test("the start of a standby process is retried", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
  const witness = await Witness.of(vm);
  const order = orderOf(vm, builds.new);
  let hindrance: { readonly over: Promise<void> } | undefined;
  const { report, said } = await updateHere(order, async (phase) => {
    if (phase === "rollback") hindrance = await hinder(vm);
    if (phase !== "load") return;
    await kill(vm.pid);
  });
  await hindrance?.over;
  assertEquals(report?.outcome, "rolled-back", said);
  vm.follow(report?.pid_after ?? 0);
  await witness.assertLivesOn();
});
