import type { CommandLine } from "./command_line.ts";
import { type CheckContext, ok, type PreflightCheck, refuse } from "./check.ts";
import { joined, quoted } from "./wording.ts";

/** Options whose values may have descriptors, and the keys that do. */
const OPTIONS = [
  "chardev",
  "netdev",
  "nic",
  "net",
  "device",
  "object",
  "fsdev",
];
const KEYS = ["fd", "fds", "vhostfd", "vhostfds", "sock_fd", "addr.str"];

/** A descriptor that a command line passes by its number. */
interface Passed {
  readonly option: string;
  readonly number: number;
}

/** Descriptors that arguments name are open, and stay so over an exec. */
export const descriptors: PreflightCheck = {
  id: "descriptors",
  async run(context) {
    const problems: string[] = [];
    const all = passed(context.next);
    for (const it of all) {
      const problem = await problemOf(it, context);
      if (problem !== undefined) problems.push(problem);
    }
    return problems.length === 0
      ? ok(
        all.length === 0
          ? "no argument names a descriptor"
          : "descriptors that arguments name stay open",
      )
      : refuse(
        joined(problems),
        "Restart the VM with arguments that name no descriptors",
      );
  },
};

async function problemOf(
  { option, number }: Passed,
  { files }: CheckContext,
): Promise<string | undefined> {
  const closes = await files.closesOnExec(number);
  const which = `Descriptor ${number} of ${quoted(option)}`;
  if (closes === undefined) return `${which} is not open any more`;
  return closes ? `${which} is closed by an exec` : undefined;
}

function passed(commandLine: CommandLine): Passed[] {
  return OPTIONS.flatMap((option) =>
    commandLine.values(option).flatMap((value) =>
      value.entries.filter(({ key }) => KEYS.includes(key))
        .filter(({ key }) =>
          key !== "addr.str" || value.get("addr.type") === "fd"
        )
        .flatMap(({ value: text }) => text.split(":"))
        .filter((text) => /^\d+$/.test(text))
        .map((text) => ({
          option: `-${option} ${value}`,
          number: Number(text),
        }))
    )
  );
}
