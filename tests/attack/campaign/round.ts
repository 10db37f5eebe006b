/** What a round is made of: the same for the same seed and number. */

import { Random } from "../../../testing/random.ts";
import { type Action, anyAction } from "./actions.ts";
import { anyLie, type Lie } from "./lies.ts";

/** Keeps the numbers of two rounds apart. */
const STRIDE = 0x9e3779b9;

/** When something is done. */
export type Moment =
  | { readonly nth: number }
  | { readonly command: string }
  /** After the start of cprctl. */
  | { readonly milliseconds: number };

/** What is to happen once. */
export type Injection =
  & { readonly at: Moment }
  & ({ readonly action: Action } | { readonly lie: Lie });

/** Who attacks. */
export type Kind = "machine" | "pretender" | "qemu";
/** What root runs meanwhile. */
export type Verb = "check" | "update" | "update --all" | "list" | "recover";

/** One round. */
export interface Round {
  readonly number: number;
  readonly kind: Kind;
  readonly verb: Verb;
  readonly confined: boolean;
  readonly terminal: boolean;
  /** Whether the attacker's program is the new one. */
  readonly offers: boolean;
  readonly behaviours: readonly string[];
  readonly injections: readonly Injection[];
  /** For what is decided on the way. */
  readonly random: Random;
}

const BEHAVIOURS = [
  ...["exits", "crashes", "hangs", "stops", "prints", "forks"],
  ...["garbage", "events", "intruder", "setuid"],
];

const COMMANDS = [
  ...["qmp_capabilities", "query-status", "query-name", "query-uuid"],
  ...["qom-list", "qom-get", "query-block", "query-iothreads"],
  ...["query-chardev", "query-migrate-parameters", "query-memdev"],
  ...["migrate-set-parameters", "migrate-set-capabilities", "query-migrate"],
];
const CRITICAL = [
  ...["migrate-set-parameters", "migrate", "migrate-continue"],
];
/** A check asks about as often. */
const MAXIMUM_NTH = 60;
/** An update takes about as long. */
const MAXIMUM_MS = 1_500;

/** When an update has got that far. */
function lateMoment(random: Random): Moment {
  return random.fraction() < 0.5
    ? { command: random.one(CRITICAL) }
    : { milliseconds: MAXIMUM_MS / 3 + random.below(MAXIMUM_MS) };
}

function anyMoment(random: Random): Moment {
  const kind = random.fraction();
  if (kind < 0.25) return { nth: random.below(MAXIMUM_NTH) };
  if (kind < 0.5) return { milliseconds: random.below(MAXIMUM_MS) };
  return { command: random.one(kind < 0.7 ? COMMANDS : CRITICAL) };
}

function anyKind(random: Random): Kind {
  const kind = random.fraction();
  return kind < 0.68 ? "machine" : kind < 0.92 ? "pretender" : "qemu";
}

function anyVerb(random: Random): Verb {
  const verb = random.fraction();
  if (verb < 0.2) return "check";
  if (verb < 0.84) return "update";
  if (verb < 0.92) return "update --all";
  return verb < 0.96 ? "list" : "recover";
}

/** @param secret what lies point at */
export function roundOf(seed: number, number: number, secret: string): Round {
  const random = new Random(seed ^ Math.imul(number + 1, STRIDE));
  const kind = anyKind(random);
  const isLate = random.fraction() < 0.6;
  const count = random.below(3);
  const injections = Array.from({ length: count + 1 }, (): Injection => {
    const at = isLate ? lateMoment(random) : anyMoment(random);
    const lies = !("milliseconds" in at) && random.fraction() < 0.45;
    return lies
      ? { at, lie: anyLie(random, secret) }
      : { at, action: anyAction(random, kind) };
  });
  return {
    ...{ number, kind, verb: anyVerb(random) },
    confined: random.fraction() < 0.3,
    terminal: random.fraction() < 0.2,
    offers: random.fraction() < 0.4,
    behaviours: Array.from(
      { length: 4 },
      () => random.fraction() < 0.3 ? random.one(BEHAVIOURS) : "honest",
    ),
    injections,
    random,
  };
}

/** The round, for a person. */
export function describe(round: Round): string {
  const { kind, verb, injections, behaviours, offers, confined } = round;
  const told = injections.map((it) => {
    const when = "nth" in it.at
      ? `at question ${it.at.nth}`
      : "command" in it.at
      ? `at ${it.at.command}`
      : `after ${it.at.milliseconds} ms`;
    return `${"lie" in it ? it.lie.name : it.action.name} ${when}`;
  });
  const odd = behaviours.some((it) => it !== "honest");
  return [
    `${verb}, ${confined ? "confined " : ""}${kind}`,
    ...told,
    ...odd && kind === "machine" ? [`starts: ${behaviours.join(" ")}`] : [],
    ...offers ? ["its own new program"] : [],
  ].join("; ");
}
