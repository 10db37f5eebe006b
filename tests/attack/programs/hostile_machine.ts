/**
 * An embedded machine of an unprivileged user, who may have it do anything.
 * Its folder has a copy of this file, called main.ts, and:
 *
 * ```
 * plan.json    whose program it is, and how each of its starts behaves
 * canary.pl    run first at each start; writes to "seen" what it runs as
 * orders.sock  the first start takes orders there, a line of JSON each:
 *              {"do": "exec", "file", "argv", "environment"}
 *              {"do": "argv", "words"}         overwrites its command line
 *              {"do": "environment", "words"}  and its environment
 * ```
 */

interface Plan {
  /** URL of a copy of the repository that this user may read. */
  readonly source: string;
  /** What root alone may read. */
  readonly secrets: readonly string[];
  /** Of each start after the first; then honest. */
  readonly behaviours: readonly string[];
  /** A set-user-ID program of root's. */
  readonly setuid: string;
}

interface Order {
  readonly do: "exec" | "argv" | "environment";
  readonly file?: string;
  readonly argv?: readonly string[];
  readonly words?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const folder = new URL(".", import.meta.url).pathname.replace(/\/$/, "");
const plan: Plan = JSON.parse(Deno.readTextFileSync(`${folder}/plan.json`));
const socket = /unix:([^,]+)/.exec(Deno.args.join(" "))?.[1] ?? "";

function starts(): number {
  const seen = Deno.readTextFileSync(`${folder}/seen`);
  return seen.split("=== machine").length - 1;
}

function perl(...words: string[]): Deno.Command {
  return new Deno.Command("/usr/bin/perl", {
    args: words,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
}

/** Between these fields of /proc/self/stat is what it was started with. */
const FIELDS = { argv: [48, 49], environment: [50, 51] } as const;

function overwrite(what: "argv" | "environment", words: readonly string[]) {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [start, end] = FIELDS[what].map((it) => Number(fields[it - 3]));
  if (start === undefined || end === undefined) return;
  const bytes = new Uint8Array(end - start);
  const text = new TextEncoder().encode(words.map((it) => `${it}\0`).join(""));
  bytes.set(text.subarray(0, bytes.length));
  using memory = Deno.openSync("/proc/self/mem", { write: true });
  memory.seekSync(start, Deno.SeekMode.Start);
  memory.writeSync(bytes);
}

async function exec(
  file: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { execvp } = await import(`${plan.source}/ffi/exec.ts`);
  execvp(argv, { file, environment });
}

async function obey({ do: what, ...order }: Order): Promise<void> {
  if (what === "exec") {
    await exec(order.file ?? "", order.argv ?? [], order.environment);
  } else overwrite(what, order.words ?? []);
}

async function takeOrders(): Promise<void> {
  const listener = Deno.listen({
    transport: "unix",
    path: `${folder}/orders.sock`,
  });
  for await (const client of listener) {
    const buffer = new Uint8Array(1 << 16);
    for (;;) {
      const count = await client.read(buffer);
      if (count === null) break;
      await obey(JSON.parse(new TextDecoder().decode(buffer.slice(0, count))));
      await client.write(new TextEncoder().encode("done\n"));
    }
    client.close();
  }
}

const forEver = () => new Promise<never>(() => setInterval(() => {}, 60_000));

async function answerWith(text: () => string): Promise<void> {
  try {
    Deno.removeSync(socket);
  } catch {
    // It is not there.
  }
  for await (const client of Deno.listen({ transport: "unix", path: socket })) {
    const bytes = new TextEncoder().encode(text());
    (async () => {
      for (;;) await client.write(bytes);
    })().catch(() => undefined); // the client is gone
  }
}

/** What a start may do in place of being a machine; then it is one. */
const BEHAVIOURS: Readonly<Record<string, () => unknown>> = {
  honest: () => undefined,
  exits: () => Deno.exit(1),
  crashes: () => Deno.kill(Deno.pid, "SIGSEGV"),
  hangs: forEver,
  stops: () => Deno.kill(Deno.pid, "SIGSTOP"),
  prints: () => {
    for (const it of plan.secrets) console.log(`\tlib.so => ${it} (0x00)`);
    console.log("QEMU emulator version 11.1.2");
    Deno.exit(0);
  },
  forks: () => {
    perl("-e", "fork && exit; sleep 600", `${folder}/left`).spawn().unref();
  },
  garbage: () => answerWith(() => "\x1b]0;x\x07{[\u009b".repeat(1000)),
  events: () =>
    answerWith(() =>
      `{"QMP":{"version":{"qemu":{"major":11,"minor":1,"micro":2},` +
      `"package":""},"capabilities":[]}}\n` +
      `{"event":"RESUME","timestamp":{"seconds":1,"microseconds":1}}\n`
        .repeat(1000)
    ),
  intruder: () => {
    const script = `use Socket; unlink $ARGV[0]; socket(L,PF_UNIX,` +
      `SOCK_STREAM,0); bind(L,sockaddr_un($ARGV[0])); listen(L,9); sleep 600`;
    perl("-e", script, socket).spawn().unref();
    return forEver();
  },
  setuid: () => exec(plan.setuid, ["qemu-system-x86_64", "600"]),
};

const count = starts();
const said = perl(`${folder}/canary.pl`, `machine ${count}`, ...plan.secrets);
await said.output();
if (count === 0) {
  takeOrders();
} else {
  await BEHAVIOURS[plan.behaviours[count - 1] ?? "honest"]?.();
}
await import(`${plan.source}/main.ts`);
