/** The session that moves a machine by hand, on standard input and output. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { cprctlWords } from "../../../testing/program/program.ts";
import { quoted } from "../../ffi/processes.ts";
import { Lab, type Vm } from "../../../testing/machine/mod.ts";

const MONITOR = ["-monitor", "stdio"];
const PROMPT = /\(cprctl\) /;

/** A person at the monitor. */
class Person {
  readonly #vm: Vm;
  #seen = 0;

  constructor(vm: Vm) {
    this.#vm = vm;
  }

  /** Reads what the monitor says, up to its prompt. */
  async hears(): Promise<string> {
    const text = await this.#vm.stdout.until(PROMPT, this.#seen);
    this.#seen += text.length;
    return text.replace(PROMPT, "");
  }

  /** Types a line; what the monitor answers. */
  async says(line: string): Promise<string> {
    await this.#vm.type(`${line}\n`);
    return await this.hears();
  }

  /** What the guest has done. */
  async guest(): Promise<{ counter: bigint; ticks: number; error: number }> {
    const text = await this.says("info guest");
    const [, counter = "", ticks = "", error = ""] =
      /^counter: (\d+)\nticks: (\d+)\nerror: (\d+)\n$/.exec(text) ?? [];
    return {
      counter: BigInt(counter),
      ticks: Number(ticks),
      error: Number(error),
    };
  }

  /** Waits until the guest has worked off some more ticks. */
  async sees(ticks: number): Promise<void> {
    const { ticks: before } = await this.guest();
    while ((await this.guest()).ticks < before + ticks);
  }
}

const BANNER = /^cprctl \S+ monitor - type 'help' for more information\n$/;

/** Moves a machine as the design says; the command is typed as it is here. */
async function moveByHand(vm: Vm, command: string): Promise<void> {
  const person = new Person(vm);
  assertMatch(await person.hears(), BANNER);
  assertEquals(await person.says("info status"), "VM status: running\n");
  await person.sees(2);
  const before = await person.guest();
  const ram = await person.says("info ramblock");

  const quiet = [
    "migrate_set_parameter mode cpr-exec",
    `migrate_set_parameter cpr-exec-command ${command}`,
    `migrate -d file:${vm.stateFile}`,
  ];
  for (const line of quiet) assertEquals(await person.says(line), "");

  assertMatch(await person.hears(), BANNER);
  assertEquals(await person.says("info status"), "VM status: running\n");
  assertEquals(await person.says("info migrate"), "status: completed\n");
  const after = await person.guest();
  assert(after.ticks >= before.ticks && after.counter >= before.counter);
  await person.sees(2);
  assertEquals((await person.guest()).error, 0);
  assertEquals(
    withoutAddresses(await person.says("info ramblock")),
    withoutAddresses(ram),
  );

  // What was started ends by what it is told: it is the same process.
  await vm.type("quit\n");
  assertEquals((await vm.ended()).code, 0);
  assertEquals(vm.stderr.text, "");
}

/** RAM is mapped anew, to where the kernel has room. */
function withoutAddresses(text: string): string {
  return text.replaceAll(/0x[\da-f]+/g, "…");
}

Deno.test("by hand: the new program itself is the command", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: MONITOR });
  await moveByHand(vm, quoted(vm.successor));
});

Deno.test("by hand: a shell executes the new program", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: MONITOR });
  const shell = `/bin/sh -c 'exec "$0" "$@"'`;
  await moveByHand(vm, `${shell} ${quoted(vm.successor)}`);
});

Deno.test("by hand: cprctl exec looks at the hand-over and writes one line", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: MONITOR });
  const log = lab.path("exec.log");
  const wrapper = [...cprctlWords(), "exec", "--log", log, "--"];
  await moveByHand(vm, quoted([...wrapper, ...vm.successor]));
  assertEquals(
    await Deno.readTextFile(log),
    `cprctl exec: pid ${vm.pid}: 2 descriptors survive, 2 of them RAM of ` +
      `1.0 MiB: executing "${vm.successor[0]}"\n`,
  );
});

Deno.test("by hand: cprctl exec without a log writes its line to stderr", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: MONITOR });
  const command = [...cprctlWords(), "exec", "--", ...vm.successor];
  const lines = [
    "migrate_set_parameter mode cpr-exec",
    `migrate_set_parameter cpr-exec-command ${quoted(command)}`,
    `migrate file:${vm.stateFile}`,
    "quit",
  ];
  await vm.type(lines.map((line) => `${line}\n`).join(""));
  assertEquals((await vm.ended()).code, 0);
  assertMatch(vm.stderr.text, /^cprctl exec: pid \d+: 2 descriptors .*\n$/);
});

Deno.test("lines that wait in the pipe go to the program that they come after", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: MONITOR });
  const move = (detach: string) => [
    "migrate_set_parameter mode cpr-exec",
    `migrate_set_parameter cpr-exec-command ${quoted(vm.successor)}`,
    `migrate ${detach}file:${vm.stateFile}`,
    "info status",
  ];
  const lines = [...move("-d "), ...move(""), ...move("-d "), "quit"];
  await vm.type(lines.map((line) => `${line}\n`).join(""));
  await vm.closeInput();
  assertEquals((await vm.ended()).code, 0);
  const banner = "cprctl V monitor - type 'help' for more information\n";
  const silent = "(cprctl) ";
  const status = "(cprctl) VM status: running\n";
  const [set, detached, quit] = [silent.repeat(2), silent, silent];
  // A migration without -d answers in the new program: by its banner.
  const waited = "(cprctl) ";
  assertEquals(
    vm.stdout.text.replaceAll(/cprctl \d\S*/g, "cprctl V"),
    banner + set + detached + "(cprctl) " +
      banner + status + set + waited +
      banner + status + set + detached + "(cprctl) " +
      banner + status + quit + "(cprctl) ",
  );
});

Deno.test("the monitor waits for a migration to its end, or its pause", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: MONITOR });
  const person = new Person(vm);
  await person.hears();
  const capability = "pause-before-switchover";
  await person.says(`migrate_set_capability ${capability} on`);
  assertEquals(await person.says(`migrate file:${vm.stateFile}`), "");
  assertMatch(
    await person.says("info migrate"),
    /^status: pre-switchover\nram: .*"remaining":0/,
  );
  assertEquals(await person.says("migrate_continue pre-switchover"), "");
  assertEquals(await person.says("info migrate"), "status: completed\n");
});

Deno.test("the monitor says why a migration is refused, or failed", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: MONITOR });
  const person = new Person(vm);
  await person.hears();
  await person.says("migrate_set_parameter mode cpr-exec");
  const migrate = `migrate file:${vm.stateFile}`;
  assertEquals(
    await person.says(migrate),
    "Error: cpr-exec mode requires setting cpr-exec-command\n",
  );
  await person.says("migrate_set_parameter cpr-exec-command /nonexistent/new");
  assertMatch(
    await person.says(migrate),
    /^Error: execvp \/nonexistent\/new failed: .*No such file.*\n$/,
  );
  assertEquals(await person.says("info status"), "VM status: running\n");
  assertMatch(
    await person.says("info migrate"),
    /^status: failed\nerror-desc: /,
  );
  await person.sees(2);
});
