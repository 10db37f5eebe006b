/** What a guest sees of its VM's devices, as far as a monitor tells. */

import type { Json } from "../../lib/qmp/mod.ts";
import type { VirtualMachine } from "../../testing/qemu/mod.ts";

const QUESTIONS = ["query-pci", "query-memory-devices", "query-tpm"];
const TREES = ["info qtree", "info usb"];
/** What is where in the guest's address spaces, in an order that means nothing. */
const MAP = "info mtree -f";
const RANGE = /^ +[0-9a-f]{16}-/;

/** The answers of one moment. */
export class GuestView {
  constructor(
    private readonly answers: ReadonlyMap<string, readonly string[]>,
  ) {}

  /** The first line that is another; undefined where none is. */
  differenceTo(other: GuestView): string | undefined {
    for (const [question, lines] of this.answers) {
      const others = other.answers.get(question) ?? [];
      const at = lines.findIndex((line, at) => line !== others[at]);
      const index = at >= 0 ? at : lines.length;
      if (index >= Math.max(lines.length, others.length)) continue;
      return `${question} said ${JSON.stringify(lines[index])}, now ${
        JSON.stringify(others[index])
      }`;
    }
    return undefined;
  }
}

/** Asks what a guest sees. */
export async function guestView(vm: VirtualMachine): Promise<GuestView> {
  await using client = await vm.monitor();
  const answers = new Map<string, string[]>();
  for (const question of QUESTIONS) {
    answers.set(question, written(await client.execute(question)));
  }
  const print = async (line: string) =>
    String(
      await client.execute("human-monitor-command", { "command-line": line }),
    ).split(/\r?\n/);
  for (const tree of TREES) answers.set(tree, await print(tree));
  const ranges = (await print(MAP)).filter((line) => RANGE.test(line));
  answers.set(MAP, [...new Set(ranges)].sort());
  return new GuestView(answers);
}

function written(answer: Json): string[] {
  const text = JSON.stringify(
    answer,
    (_key, value: unknown) => typeof value === "bigint" ? `${value}` : value,
    1,
  );
  return text.split("\n");
}
