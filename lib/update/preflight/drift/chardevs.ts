import { text } from "../../vm/reply.ts";
import {
  type CheckContext,
  ok,
  type PreflightCheck,
  refuse,
} from "../check.ts";
import { joined, quoted } from "../wording.ts";

/**
 * Labels that QEMU gives to the back ends of other options than -chardev, and
 * with a "#" where nobody asked for one.
 */
const IMPLIED =
  /^(#.*|(serial|parallel|compat_monitor|vc)\d*(-base)?|gdb|debugcon|qtest|braille)$/;

/** Character devices are those of the command line. */
export const chardevs: PreflightCheck = {
  id: "chardevs",
  async run(context) {
    const changes = await changesOf(context);
    return changes.length === 0
      ? ok("character devices are those of the command line")
      : refuse(
        joined(changes),
        "Undo it (chardev-remove, chardev-add, chardev-change), or restart the VM with " +
          "the present ones on its command line",
      );
  },
};

/** Ends the label of the back end below a multiplexer. */
const BASE = "-base";

function isBase(label: string, named: ReadonlyMap<string, unknown>): boolean {
  return label.endsWith(BASE) && named.has(label.slice(0, -BASE.length));
}

async function changesOf(
  { inventory, running }: CheckContext,
): Promise<string[]> {
  const named = new Map(
    running.values("chardev").map((it) => [it.get("id") ?? "", it]),
  );
  const changes: string[] = [];
  const gone = new Set(named.keys());
  const live = new Map(
    (await inventory.list("query-chardev")).map(({ label, filename }) =>
      [text(label) ?? "", text(filename) ?? ""] as const
    ),
  );
  for (const [label, own] of live) {
    // A multiplexer has the back end that was named below it.
    const is = live.get(`${label}${BASE}`) ?? own;
    gone.delete(label);
    const option = named.get(label);
    if (option === undefined) {
      if (IMPLIED.test(label) || isBase(label, named)) continue;
      changes.push(
        `Character device ${quoted(label)} (${
          quoted(is)
        }) was made at run time and ` +
          "would be lost",
      );
      continue;
    }
    const path = option.get("backend") === "socket"
      ? option.get("path")
      : undefined;
    if (path === undefined || is.includes(path)) continue;
    changes.push(
      `Character device ${quoted(label)} is ${quoted(is)}, but the command ` +
        `line names ${quoted(path)}`,
    );
  }
  for (const label of gone) {
    changes.push(`Character device ${quoted(label)} was removed at run time`);
  }
  return changes;
}
