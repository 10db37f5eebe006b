import { buildCommand } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { oldAndNew, switchFlag } from "../flags/parameters.ts";

interface Flags {
  readonly json: boolean;
}

/** `cprctl diff`: what became of one state in another. */
export const diffCommand = buildCommand<
  Flags,
  [old: string, now: string],
  CliContext
>({
  docs: {
    brief: "Show what differs between two saved states",
    fullDescription: withExamples(
      "Show what differs between two migration streams, or two CPR states: by section,\n" +
        "instance and field, not by byte. Of guest memory, blocks are compared, and what\n" +
        "each page is in the end, however it was sent; one that a single stream has is a\n" +
        "difference. Compressed pages cannot be compared.\n" +
        "The exit code is that of diff: 0 the same, 1 different, 2 cannot be compared.",
      [
        ["cprctl diff old.state new.state", "nothing, or what differs"],
        ["cprctl diff old.state new.state --json", "for a program to read"],
      ],
    ),
  },
  parameters: {
    flags: {
      json: switchFlag("Print one JSON document"),
    },
    positional: oldAndNew("state"),
  },
  loader: async () => {
    const { presentDiff } = await import("../present/diff.ts");
    return function (
      this: CliContext,
      { json }: Flags,
      old: string,
      now: string,
    ): void {
      presentDiff(this.process, json, old, now);
    };
  },
});
