import { type Argument, keysOf } from "../../../cmdline/mod.ts";
import type { Rule } from "../rule.ts";
import { shown } from "../shown.ts";

/** What keeps something that QEMU has no way to keep over a start. */
const EMPTIED: Readonly<Record<string, (argument: Argument) => boolean>> = {
  D: () => true,
  trace: (it) => keysOf(it).has("file"),
  audio: (it) => keysOf(it).get("driver") === "wav",
  audiodev: (it) => keysOf(it).get("driver") === "wav",
  object: (it) => keysOf(it).get("qom-type") === "filter-dump",
  chardev: (it) => ["ringbuf", "memory"].includes(backendOf(it)),
};

function backendOf(argument: Argument): string {
  return keysOf(argument).get("backend") ?? "";
}

/** Tells of the logs, records and buffers that start anew. */
export const emptiedFiles: Rule = (draft) => {
  const emptied = Object.entries(EMPTIED).flatMap(([option, empties]) => {
    const found = draft.of(option).filter(empties);
    // Of several log files the last one is used.
    return option === "D" ? found.slice(-1) : found;
  });
  for (const argument of emptied) {
    draft.warn(
      `The new program empties what "${shown(argument.words)}" has written, ` +
        "at its start",
      "Copy it if it is needed",
    );
  }
};
