/**
 * Update after update of one machine: nothing is lost, repeated or left over.
 * CPRCTL_UPDATES says how many there shall be, CPRCTL_SEED when they come.
 */

import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLess,
} from "@std/assert";
import {
  GuestRam,
  Lab,
  memfdsOf,
  memoryOf,
  openDescriptors,
  seededRandom,
} from "../../../testing/machine/mod.ts";
import { until } from "../../../testing/program/until.ts";

const UPDATES = Number(Deno.env.get("CPRCTL_UPDATES") ?? 30);
const SEED = Number(Deno.env.get("CPRCTL_SEED") ?? 1);

const SETTLE_MS = 30_000;

/** The first programs may have touched less than those that follow. */
const WARM_UP = 3;

const MEBIBYTE = 1024 * 1024;
/** Medians of a heap that is collected now and then differ by less. */
const MEMORY_NOISE = 8 * MEBIBYTE;

Deno.test(`${UPDATES} updates in a row lose, repeat and leave nothing`, async () => {
  await using lab = await Lab.open();
  const serial = lab.path("serial");
  const vm = lab.start({
    more: [
      ...["-chardev", `file,id=console,path=${serial},append=on`],
      ...["-serial", "chardev:console"],
    ],
  });
  const random = seededRandom(SEED);
  let qmp = await vm.connect();
  using ram = new GuestRam(vm.pid);
  await ram.ticked();
  // How many ticks went by without a line, only a guest that stands can tell.
  await qmp.execute("stop");
  ram.set("printEvery", 1);
  const silent = ram.status.ticks;
  await qmp.execute("cont");

  const start = performance.now();
  const memory: number[] = [];
  const open: number[] = [];
  let last = ram.status;
  for (let update = 1; update <= UPDATES; update++) {
    // Stop it in its sleep, and at work; early, and late.
    ram.set("busy", random(2));
    await ram.ticked(1 + random(3));
    qmp = await vm.update(qmp);
    assertEquals(qmp.peer?.pid, vm.pid);
    const now = ram.status;
    assertEquals(now.error, 0);
    assert(now.counter > last.counter && now.ticks > last.ticks);
    last = now;
    assertEquals([...memfdsOf(vm.pid).keys()], ["ram0", "virt.aux"]);
    if (update <= WARM_UP) continue;
    open.push(await settledDescriptors(vm.pid, Math.min(...open)));
    memory.push(memoryOf(vm.pid));
  }
  const seconds = (performance.now() - start) / 1000;
  await ram.ticked(10);
  assertEquals(new GuestRam(vm.pid).inode, ram.inode);
  await qmp.execute("quit");
  assertEquals(await vm.ended(), { success: true, code: 0, signal: null });
  assertEquals(vm.stderr.text, "");

  const lines = (await Deno.readTextFile(serial)).split("\n");
  lines.pop(); // it was being written when the machine ended
  const ticks = lines.map((line) =>
    Number(/^tick (\d{6}) counter \d+$/.exec(line)?.[1])
  );
  const told = ticks.filter((tick) => !(tick <= silent));
  assertEquals(told, told.map((_, index) => silent + 1 + index));
  assertGreaterOrEqual(told.at(-1) ?? 0, ram.status.ticks - 1);

  const half = Math.floor(memory.length / 2);
  const early = median(memory.slice(0, half));
  const late = median(memory.slice(half));
  console.log(
    `${UPDATES} updates, seed ${SEED}: ${(UPDATES / seconds).toFixed(1)} a ` +
      `second, ${told.length} ticks; descriptors ${Math.min(...open)} to ` +
      `${Math.max(...open)}; memory ${mebibytes(Math.min(...memory))} to ` +
      `${mebibytes(Math.max(...memory))} MiB, median of the first half ` +
      `${mebibytes(early)}, of the second ${mebibytes(late)}`,
  );
  assertLess(late, early + MEMORY_NOISE);
});

/**
 * How many descriptors a process has. What the runtime opens for a moment is
 * gone when it is looked for again; what leaks is not.
 */
async function settledDescriptors(
  pid: number,
  most: number,
): Promise<number> {
  const count = () => openDescriptors(pid).length;
  await until(
    `there are ${most} descriptors or fewer`,
    SETTLE_MS,
    () => count() <= most,
  );
  return count();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

function mebibytes(bytes: number): string {
  return (bytes / MEBIBYTE).toFixed(1);
}
