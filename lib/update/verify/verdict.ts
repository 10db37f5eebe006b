/**
 * What a difference between source and destination means. Whatever no rule
 * names is seen by the guest.
 *
 * @module
 */

import { UpdateProblem } from "../error.ts";
import {
  type Difference,
  phraseOfAll,
  shown,
  subjectOf,
} from "./difference.ts";

/** Who or what a difference matters to. */
export const VERDICTS = {
  "seen-by-guest": "the guest would notice it: the VM is rolled back",
  "new-version": "it is new in this version of QEMU",
  "host-side": "it concerns only the host",
} as const satisfies Readonly<Record<string, string>>;

/** What a difference means. */
export type Verdict = keyof typeof VERDICTS;

/** A verdict with its reason. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly why: string;
}

/** A kind of difference that does no harm. */
interface Rule {
  readonly kind: RegExp;
  /** Of the value's path; without it, an object that is gone or new. */
  readonly field?: RegExp;
  readonly holds?: (difference: Difference) => boolean;
  readonly verdict: Exclude<Verdict, "seen-by-guest">;
  readonly why: string;
}

const RULES: readonly Rule[] = [
  {
    kind: /^(Machine|vCPU|Device)$/,
    field: /./,
    holds: ({ before, ...it }) =>
      before === undefined && !isFeature(it, it.after),
    verdict: "new-version",
    why: "the old version does not have this property; a versioned machine " +
      "type sets it so that the guest sees no change",
  },
  {
    kind: /^(Machine|vCPU|Device)$/,
    field: /./,
    holds: ({ after, ...it }) =>
      after === undefined && !isFeature(it, it.before),
    verdict: "new-version",
    why:
      "the new version no longer has this property, so it has no effect there",
  },
  {
    kind: /^vCPU$/,
    field: /./,
    holds: isMoreOfHost,
    verdict: "new-version",
    why: "the models host and max offer every feature that this version of " +
      "QEMU knows; none that the guest may use is gone",
  },
  {
    kind: /^Machine$/,
    field:
      /^(dump-guest-core|mem-merge|suppress-vmdesc|dumpdtb|x-change-vmfd-on-reset|memory-backend)$/,
    verdict: "host-side",
    why: "it concerns the memory of the process, dumps and saved states",
  },
  {
    kind: /^Memory backend$/,
    field: /^(prealloc|reserve|merge|dump|policy|host-nodes.*)$/,
    verdict: "host-side",
    why:
      "it concerns how the host allocates memory, which is allocated already",
  },
  {
    kind: /^(Machine|Memory backend)$/,
    field: /^(aux-ram-)?share$/,
    holds: ({ after }) => after === "true",
    verdict: "host-side",
    why: "shared memory can be preserved, private memory cannot",
  },
  {
    kind: /^Object$/,
    field: /^type$/,
    holds: ({ before = "", after = "" }) =>
      [before, after].every((it) => it.includes("<memory-backend-")),
    verdict: "host-side",
    why: "it concerns where the host keeps the memory",
  },
  {
    kind: /^Network back end$/,
    field: /^(?!type$|net$|restrict$|queues$)/,
    verdict: "host-side",
    why: "it concerns how QEMU opens the same kind of back end, such as by a " +
      "descriptor instead of by name",
  },
  {
    kind: /^Device$/,
    field: /^(iothread.*|account-(invalid|failed)|stats-intervals.*|pcap)$/,
    verdict: "host-side",
    why:
      "it concerns the thread that serves the device, statistics, or a recording",
  },
  {
    kind: /^Device$/,
    field: /^port$/,
    holds: ({ before }) => before === '""',
    verdict: "host-side",
    why: "a USB device got a port by default, and is given the same one now",
  },
  {
    kind: /^Device$/,
    field: /^rombar$/,
    holds: ({ before = "", after = "" }) =>
      [before, after].every((it) => /^"?-?1 /.test(it)),
    verdict: "new-version",
    why: "whether a ROM has a BAR: by default it has one if there is a ROM",
  },
  {
    kind: /^Drive$/,
    holds: ({ object, after }) =>
      after === undefined && object?.get("medium") === "false",
    verdict: "host-side",
    why: "it is empty; a device that it belongs to would be listed as well",
  },
  {
    kind: /^Block node$/,
    field: /^children/,
    holds: ({ before }) => before === undefined,
    verdict: "new-version",
    why: "the old version does not report the nodes below a node",
  },
  {
    kind:
      /^(Object|Character device|Drive|Block node|Network back end|Memory backend)$/,
    holds: ({ before }) => before === undefined,
    verdict: "host-side",
    why: "no device of the guest uses it",
  },
  {
    kind: /^Character device$/,
    // Of "gdbserver": its connection, and the monitor that it serves.
    holds: ({ name }) => /^(gdb|#chr|compat_monitor\d+(-base)?)$/.test(name),
    verdict: "host-side",
    why: "it belongs to a monitor or a debugger, which the guest does not see",
  },
  {
    kind: /^Object$/,
    verdict: "host-side",
    why: "every device that needs such an object has one",
  },
];

/** What a difference means, and why. */
export function judge(difference: Difference): Judgement {
  const rule = RULES.find((rule) => isAbout(rule, difference));
  return rule ??
    { verdict: "seen-by-guest", why: VERDICTS["seen-by-guest"] };
}

function isAbout({ kind, field, holds }: Rule, it: Difference): boolean {
  if (!kind.test(it.kind)) return false;
  const isField = it.field !== undefined;
  if (isField !== (field !== undefined)) return false;
  if (field !== undefined && !field.test(it.field ?? "")) return false;
  return holds?.(it) ?? true;
}

/** Switches of a vCPU that are no features. */
const SWITCH = /^(x|legacy)-/;

/** Whether a value is a feature that a vCPU has, or a CPUID word with some. */
function isFeature(
  { kind, field = "" }: Pick<Difference, "kind" | "field">,
  value: string | undefined,
): boolean {
  if (kind !== "vCPU") return false;
  return WORD.test(field) || value === "true" && !SWITCH.test(field);
}

/** The models whose features depend on host and QEMU. */
const OF_HOST = /^"(host|max)-/;
const WORD = /^CPUID /;
const LEVEL = /^(min-)?x?level2?$/;

/** Whether a vCPU that offers what the host offers has lost nothing. */
function isMoreOfHost({ object, field = "", before, after }: Difference) {
  if (!OF_HOST.test(object?.get("type") ?? "")) return false;
  if (before === undefined && WORD.test(field)) return true;
  if (before === "false" || before === undefined) return after === "true";
  if (after === undefined) return false;
  const [was, is] = [Number(before), Number(after)];
  if (LEVEL.test(field)) return was < is;
  // Unsigned numbers of 32 bits.
  return WORD.test(field) && (BigInt(was) & ~BigInt(is)) === 0n;
}

/** A difference with its judgement, in the form of the report. */
export interface Finding extends Judgement {
  /** What differs, such as `Device "net0": "mac"`. */
  readonly what: string;
  /** Null if it was not there. */
  readonly before: string | null;
  /** Null if it is not there now. */
  readonly after: string | null;
}

/** The new program does not have the same VM as the old one. */
class OtherVmProblem extends UpdateProblem {
  override readonly name = "OtherVmProblem";
}

/** More would not help, and the VM chooses how many there are. */
const MOST_REPORTED = 100;

/** Differences for the report, those first that the guest would see. */
export function findingsOf(differences: readonly Difference[]): Finding[] {
  const order = Object.keys(VERDICTS);
  return differences.map((difference): Finding => {
    const { verdict, why } = judge(difference);
    const { before, after } = difference;
    return {
      what: subjectOf(difference),
      before: before === undefined ? null : shown(before),
      after: after === undefined ? null : shown(after),
      ...{ verdict, why },
    };
  })
    .sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict))
    .slice(0, MOST_REPORTED);
}

/** @throws {OtherVmProblem} naming what the guest would see */
export function requireSameVm(differences: readonly Difference[]): void {
  const seen = differences.filter((difference) =>
    judge(difference).verdict === "seen-by-guest"
  );
  if (seen.length === 0) return;
  throw new OtherVmProblem(
    "another-vm",
    `The new program does not have the same VM: ${phraseOfAll(seen)}`,
    {
      remedy: "Have the new program start with the same machine, devices and " +
        "images; look for a wrapper or a changed file in between",
    },
  );
}
