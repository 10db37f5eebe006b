import type { CommandLine } from "../../command/command_line.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined } from "../wording.ts";

/** An argument that cannot be used twice, and what it would do. */
interface Hazard {
  readonly why: string;
  found(commandLine: CommandLine): boolean;
}

const HAZARDS: readonly Hazard[] = [
  {
    why: "-snapshot: all that the guest wrote to its disks would be lost",
    found: (it) =>
      it.has("snapshot") ||
      it.values("drive").some((drive) => drive.boolean("snapshot") === true),
  },
  {
    why: "-add-fd: its descriptor is closed in the new program, which ends",
    found: (it) => it.has("add-fd"),
  },
  {
    why: "-preconfig: the new program would wait to be configured",
    found: (it) => it.has("preconfig"),
  },
  {
    why: "-readconfig: what its file gave the VM cannot be compared",
    found: (it) => it.has("readconfig"),
  },
];

/** The new command line has no argument that can be used only once. */
export const commandArguments: PreflightCheck = {
  id: "arguments",
  run({ next }) {
    const whys = HAZARDS.filter(({ found }) => found(next))
      .map(({ why }) => why);
    return Promise.resolve(
      whys.length === 0 ? ok("every argument can be used again") : refuse(
        `Arguments cannot be used again: ${joined(whys)}`,
        "Restart the VM without them",
      ),
    );
  },
};
