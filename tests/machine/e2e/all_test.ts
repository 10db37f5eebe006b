/**
 * cprctl update --all on a crowd of embedded machines. CPRCTL_MACHINES says how
 * many there shall be.
 */

import { assert, assertEquals } from "@std/assert";
import * as v from "valibot";
import { allReportSchema } from "../../../lib/update/all/all_report.ts";
import { runCprctl } from "../../../testing/program/program.ts";
import { GuestRam, Lab, runState } from "../../../testing/machine/mod.ts";

/** More than are checked at once, by far. */
const CROWD = Number(Deno.env.get("CPRCTL_MACHINES") ?? 10);
/** They all count at once, on as few cores as there are: none is in a hurry. */
const VM_TIMEOUT_SECONDS = "900";
const TIMEOUT_MS = 1_800_000;

Deno.test(`cprctl update --all moves ${CROWD} machines and loses none`, async () => {
  await using lab = await Lab.open();
  // Others may have VMs on this host as well.
  const crowd = `crowd-${crypto.randomUUID().slice(0, 8)}`;
  const vms = Array.from(
    { length: CROWD },
    (_, at) => lab.start({ more: ["-name", `${crowd}-${at}`] }),
  );
  using stack = new DisposableStack();
  const guests = [];
  for (const vm of vms) {
    await (await vm.connect()).close();
    const ram = stack.use(new GuestRam(vm.pid));
    await ram.ticked();
    guests.push({ vm, ram, counter: ram.status.counter });
  }

  const { code, stdout, stderr } = await runCprctl(
    [
      ...["update", "--all", `${crowd}-*`, "--force", "--json"],
      ...["--timeout", VM_TIMEOUT_SECONDS],
    ],
    TIMEOUT_MS,
  );

  assertEquals([code, stderr], [0, ""], stdout);
  const report = v.parse(allReportSchema, JSON.parse(stdout));
  assertEquals(report.left_out, []);
  assertEquals(report.summary.outcomes, { updated: CROWD });
  assertEquals(
    report.results.map(({ pid_before, pid_after }) => [pid_before, pid_after]),
    vms.map(({ pid }) => [pid, pid]).sort(([a = 0], [b = 0]) => a - b),
  );
  for (const { vm, ram, counter } of guests) {
    await ram.ticked();
    assertEquals(ram.status.error, 0);
    assert(ram.status.counter > counter);
    await using qmp = await vm.connect();
    assertEquals(await runState(qmp), "running");
  }
});
