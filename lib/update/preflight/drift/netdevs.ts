import type { OptionValue } from "../../../cmdline/mod.ts";
import type { CommandLine } from "../../command/command_line.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined, quoted } from "../wording.ts";
import { type BackEnd, backEndsIn } from "./network_info.ts";

/** Names with this mark belong to -nic and -net, which name nothing. */
const AUTOMATIC = "#";

const USER = "user";
const DEFAULT_NET = "10.0.2.0";

/** The network back ends are those of the command line. */
export const netdevs: PreflightCheck = {
  id: "netdevs",
  async run({ inventory, running }) {
    const live = backEndsIn(await inventory.human("info network"));
    const named = running.values("netdev");
    const names = named.map((it) => it.get("id") ?? "");
    const known = new Set([...names, ...namedOtherwise(running)]);
    const problems = [
      ...live.filter(({ name }) =>
        !name.startsWith(AUTOMATIC) && !known.has(name)
      ).map(({ name }) => `${quoted(name)} was made at run time`),
      ...names.filter((name) => !live.some((it) => it.name === name))
        .map((name) => `${quoted(name)} was removed at run time`),
      ...named.flatMap((option) =>
        live.filter(({ name }) => name === option.get("id"))
          .filter((backEnd) => wasReplaced(option, backEnd))
          .map(({ name }) => `${quoted(name)} was replaced at run time`)
      ),
    ];
    return problems.length === 0
      ? ok("network back ends are those of the command line")
      : refuse(
        `Network back ends are others than on the command line: ${
          joined(problems)
        }`,
        "Undo it (netdev_del, netdev_add), or restart the VM with the " +
          "present ones on its command line",
      );
  },
};

/** Names that -nic and the old -net give, which also make devices. */
function namedOtherwise(commandLine: CommandLine): string[] {
  return ["nic", "net"].flatMap((option) => [
    ...commandLine.all(option, "id"),
    ...commandLine.all(option, "name"),
  ]);
}

/** Whether another one has the name by now, as far as QEMU tells. */
function wasReplaced(option: OptionValue, { facts }: BackEnd): boolean {
  const type = facts.get("type");
  if (type === undefined) return false;
  const isUser = type === USER;
  if (isUser !== (option.get("type") === USER)) return true;
  if (!isUser) return false;
  const net = networkOf(option);
  return (net !== undefined && net !== facts.get("net")) ||
    (option.boolean("restrict") === true) !== (facts.get("restrict") === "on");
}

/** The address of a network; undefined where it takes more to know. */
function networkOf(option: OptionValue): string | undefined {
  const net = option.get("net");
  if (net === undefined) return option.has("ip") ? undefined : DEFAULT_NET;
  const [, address = "", bits = ""] = /^([\d.]+)\/(\d+)$/.exec(net) ?? [];
  const bytes = address.split(".").map(Number);
  if (bytes.length !== 4) return undefined;
  return bytes.map((byte, at) => {
    const free = Math.min(8, Math.max(0, 8 * (at + 1) - Number(bits)));
    return byte >> free << free;
  }).join(".");
}
