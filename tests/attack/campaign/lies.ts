/** What a monitor says that is not so. */

import type { Json } from "../../../lib/qmp/mod.ts";
import type { Random } from "../../../testing/random.ts";
import type { Say } from "../relay.ts";

/** How a command is answered; undefined leaves the truth as it is. */
export interface Lie {
  readonly name: string;
  /** In place of the answer; true if that was all. */
  readonly instead?: (line: string, say: Say) => Promise<boolean>;
  /** Of what the real monitor says. */
  readonly answer?: (line: string) => string;
}

const TIMESTAMP = { seconds: 1, microseconds: 1 };
const HUGE = 48 * 1024 * 1024;

function idOf(line: string): Json {
  return (JSON.parse(line) as { id?: Json }).id ?? null;
}

function event(name: string, data: Json = {}): string {
  return `${JSON.stringify({ event: name, data, timestamp: TIMESTAMP })}\n`;
}

function replying(name: string, value: (random: Random) => Json) {
  return (random: Random): Lie => ({
    name,
    instead: async (line, say) => {
      const reply = { return: value(random), id: idOf(line) };
      await say(`${JSON.stringify(reply)}\n`);
      return true;
    },
  });
}

/** Changes one of the values of an answer. */
function mutated(value: Json, random: Random, paths: readonly Json[]): Json {
  if (Array.isArray(value) && value.length > 0) {
    const at = random.below(value.length);
    return value.map((it, index) =>
      index === at ? mutated(it, random, paths) : it
    );
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const names = Object.keys(value);
    if (names.length === 0) return random.one(paths);
    const name = random.one(names);
    return { ...value, [name]: mutated(value[name] ?? null, random, paths) };
  }
  return random.one(paths);
}

const EVENTS = [
  "STOP",
  "RESUME",
  "SHUTDOWN",
  "RESET",
  "POWERDOWN",
  "MIGRATION",
  "SUSPEND",
  "WAKEUP",
  "GUEST_PANICKED",
  "DEVICE_DELETED",
  "X".repeat(10_000),
];

async function repeat(say: Say, text: string): Promise<never> {
  for (;;) await say(text);
}

/** Kinds of lies. */
const LIES: readonly ((random: Random, secret: string) => Lie)[] = [
  () => ({ name: "silence", instead: () => Promise.resolve(true) }),
  () => ({
    name: "a flood of events",
    instead: (_line, say) => repeat(say, event("STOP").repeat(100)),
  }),
  () => ({
    name: "a flood of foreign answers",
    instead: (_line, say) =>
      repeat(say, `{"return": {}, "id": 123456}\n`.repeat(100)),
  }),
  () => ({
    name: "endless white space",
    instead: (_line, say) => repeat(say, " \n\t".repeat(10_000)),
  }),
  () => ({
    name: "an endless answer",
    instead: async (line, say) => {
      await say(`{"id": ${JSON.stringify(idOf(line))}, "return": "`);
      return await repeat(say, "x".repeat(65_536));
    },
  }),
  () => ({
    name: "a deep answer",
    instead: async (_line, say) => {
      await say(`${"[".repeat(100_000)}\n`);
      return true;
    },
  }),
  () => ({
    name: "large foreign answers",
    instead: (_line, say) =>
      repeat(say, `{"return": "${"y".repeat(8 << 20)}", "id": 123456}\n`),
  }),
  () => ({
    name: "garbage",
    instead: async (_line, say) => {
      await say("\x1b]0;title\x07\u009b31m }{ \0\n");
      return true;
    },
  }),
  replying("a number", () => 7),
  replying("null", () => null),
  replying("an empty list", () => []),
  replying("an empty object", () => ({})),
  replying("a text", () => "\x1b[2J\u202e\u009b31m"),
  replying("a huge name", () => ({ name: "n".repeat(HUGE) })),
  replying("a huge list", () =>
    Array.from({ length: 200_000 }, (_, at) => ({
      name: `m${at}`,
      type: "child<memory-backend-file>",
    }))),
  replying("a name of controls", () => ({ name: "\x1b]0;x\x07\u202e\u009b" })),
  replying("completed", () => ({ status: "completed" })),
  replying("pre-switchover", () => ({ status: "pre-switchover" })),
  replying("failed", () => ({ status: "failed", "error-desc": "\x1b[2J" })),
  () => ({
    name: "an error",
    instead: async (line, say) => {
      const error = { class: "GenericError", desc: "\x1b]0;x\x07".repeat(99) };
      await say(`${JSON.stringify({ error, id: idOf(line) })}\n`);
      return true;
    },
  }),
  () => ({
    name: "the answer twice",
    answer: (line) => `${line}\n${line}`,
  }),
  () => ({
    name: "an answer of another's",
    answer: (line) => line.replace(/"id":\s*[^,}]+/, '"id": "another"'),
  }),
  (random) => {
    const name = random.one(EVENTS);
    return {
      name: `the event ${name.slice(0, 20)}`,
      answer: (line) => `${event(name, { status: "completed" })}${line}`,
    };
  },
  (random, secret) => ({
    name: "one value changed",
    answer: (line) => {
      if (!/^\{\s*"return"/.test(line)) return line;
      const reply = JSON.parse(line) as { return: Json };
      const values: Json[] = [
        ...[secret, "/dev/zero", "/dev/stdin", "", "\x1b[2J\u202e"],
        ...[-1, 2 ** 53, 1e308, true, null, [], {}],
      ];
      return JSON.stringify({
        ...reply,
        return: mutated(reply.return, random, values),
      });
    },
  }),
];

/** One lie, decided by chance. */
export function anyLie(random: Random, secret: string): Lie {
  const lie = random.fraction() < 0.3 ? LIES[LIES.length - 1] : undefined;
  return (lie ?? random.one(LIES))(random, secret);
}
