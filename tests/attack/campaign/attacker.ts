/**
 * The attackers of the campaign: each is a process of an unprivileged user with
 * a monitor, whose answers go through a relay.
 *
 * ```
 * machine   an embedded machine whose program is the attacker's
 * qemu      a real QEMU, whose new program is the attacker's
 * pretender a script that overwrites its command line
 * ```
 *
 * @module
 */

import { PidFd } from "../../../ffi/process.ts";
import { UnixListener } from "../../../ffi/socket.ts";
import { QmpClient } from "../../../lib/qmp/mod.ts";
import type { QemuBuilds } from "../../../testing/qemu/builds/builds.ts";
import { RAM } from "../../../testing/machine/mod.ts";
import { PLAIN, VirtualMachine } from "../../../testing/qemu/mod.ts";
import { MARK, Reaper } from "../../../testing/program/reaper.ts";
import { inTime } from "../../../testing/program/until.ts";
import { HostileVm, USER } from "../hostile_vm.ts";
import { Relay, type Script } from "../relay.ts";
import { copyPrograms, type Ground } from "./ground.ts";

const TIMEOUT_MS = 60_000;

/** What an attacker can do by its process. */
export interface Attacker extends AsyncDisposable {
  /** The attacker's own; everyone may look into it. */
  readonly folder: string;
  readonly pid: number;
  readonly socket: string;
  /** A program that it offers as the new one. */
  readonly binary: string;
  play(script: Script): void;
  exec(
    file: string,
    argv: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<void>;
  /** Overwrites what it was started with. */
  pretend(words: readonly string[]): Promise<void>;
}

/** How one is made. */
export interface AttackerOptions {
  readonly name: string;
  /** How the starts of its program behave, but for the first. */
  readonly behaviours: readonly string[];
  /** With neither new privileges nor a bounding set. */
  readonly confined: boolean;
}

const AS_USER = [
  ...["setsid", "setpriv", `--reuid=${USER}`, `--regid=${USER}`],
  "--clear-groups",
];
const CONFINED = ["--no-new-privs", "--bounding-set=-all"];

/** Takes the place of a program at its monitor; its other one stays its own. */
async function takeMonitor(
  pid: number,
  socket: string,
  real: string,
): Promise<AsyncDisposable & { play(script: Script): void }> {
  await using stack = new AsyncDisposableStack();
  // While it has a client it takes no other: the relay does.
  const client = stack.use(
    await QmpClient.connectAgain({ path: socket }, { timeoutMs: TIMEOUT_MS }),
  );
  using process = PidFd.open(pid);
  const fd = process.getFd(listeningDescriptor(pid, socket));
  const relay = stack.use(new Relay(UnixListener.adopt(socket, fd), real, {}));
  client.closed.catch(() => undefined); // it may execute another program
  const kept = stack.move();
  return {
    play: (script) => relay.play(script),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function listeningDescriptor(pid: number, socket: string): number {
  const listening = Deno.readTextFileSync("/proc/net/unix").split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find((it) => it[7] === socket && it[3] === "00010000");
  const wanted = `socket:[${listening?.[6]}]`;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    const path = `/proc/${pid}/fd/${name}`;
    if (Deno.readLinkSync(path) === wanted) return Number(name);
  }
  throw new Error(`Process ${pid} does not listen at "${socket}"`);
}

/** A wrapper that writes down what it is, and is another program then. */
async function wrapper(
  folder: string,
  program: string,
  secrets: readonly string[],
): Promise<string> {
  const path = `${folder}/new`;
  const told = secrets.map((it) => `'${it}'`).join(" ");
  await Deno.writeTextFile(
    path,
    `#!/bin/sh
/usr/bin/perl '${folder}/canary.pl' new ${told} >/dev/null 2>&1
exec ${program} "$@"
`,
  );
  await Deno.chmod(path, 0o755);
  await Deno.chown(path, USER, USER);
  return path;
}

/** An embedded machine of the attacker's. */
export async function hostileMachine(
  ground: Ground,
  { name, behaviours, confined }: AttackerOptions,
): Promise<Attacker> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "cprctl-attack-" });
  stack.use(new Reaper(folder));
  await Deno.chmod(folder, 0o755);
  await copyPrograms(folder, {
    "hostile_machine.ts": "main.ts",
    "canary.pl": "canary.pl",
  });
  const secrets = [ground.secret.path];
  const { source, setuid } = ground;
  await Deno.writeTextFile(
    `${folder}/plan.json`,
    JSON.stringify({ source, secrets, behaviours, setuid }),
  );
  await Deno.writeTextFile(`${folder}/log`, "");
  for (const it of ["", "/main.ts", "/canary.pl", "/plan.json", "/log"]) {
    await Deno.chown(`${folder}${it}`, USER, USER);
  }
  await Deno.link(ground.deno, `${folder}/deno`);
  const socket = `${folder}/qmp.sock`;
  const real = `${folder}/real.sock`;
  const [first = "", ...words] = [
    ...[...AS_USER, ...confined ? CONFINED : []],
    ...[`${folder}/deno`, "run", "--quiet", "--allow-all"],
    ...[`${folder}/main.ts`, "machine", ...RAM, "-name", name],
    ...["-serial", `file:${folder}/log`],
    ...["-qmp", `unix:${socket},server=on,wait=off`],
    ...["-qmp", `unix:${real},server=on,wait=off`],
  ];
  const child = new Deno.Command(first, {
    args: words,
    clearEnv: true,
    env: {
      [MARK]: folder,
      PATH: "/usr/bin:/bin",
      DENO_DIR: ground.denoDir,
      NO_COLOR: "1",
    },
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  stack.defer(async () => {
    await child.status;
  });
  const { pid } = child;
  const relay = stack.use(await takeMonitor(pid, socket, real));
  const orders = await Deno.connect({
    transport: "unix",
    path: `${folder}/orders.sock`,
  });
  stack.defer(() => orders.close());
  const order = async (what: Record<string, unknown>) => {
    await orders.write(new TextEncoder().encode(JSON.stringify(what)));
    await inTime(
      "an order is obeyed",
      TIMEOUT_MS,
      orders.read(new Uint8Array(16)),
    );
  };
  const again = `'${folder}/deno' run --quiet --allow-all '${folder}/main.ts'`;
  const binary = await wrapper(folder, again, secrets);
  const kept = stack.move();
  return {
    ...{ folder, pid, socket, binary },
    play: (script) => relay.play(script),
    exec: (file, argv, environment) =>
      order({ do: "exec", file, argv, environment }),
    pretend: (words) => order({ do: "argv", words }),
    [Symbol.asyncDispose]: () => disposeInTurn(kept, child),
  };
}

/** Ends the process first: what it keeps open ends with it. */
async function disposeInTurn(
  kept: AsyncDisposableStack,
  child: Deno.ChildProcess,
): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
  await kept.disposeAsync();
}

/** A real QEMU of the attacker's. */
export async function hostileQemu(
  ground: Ground,
  builds: QemuBuilds,
  { name }: AttackerOptions,
): Promise<Attacker> {
  await using stack = new AsyncDisposableStack();
  const side = await Deno.makeTempDir({ prefix: "cprctl-attack-" });
  stack.defer(() => Deno.remove(side, { recursive: true }));
  const real = `${side}/real.sock`;
  await Deno.chmod(side, 0o755);
  await Deno.chown(side, USER, USER);
  const vm = stack.use(
    await VirtualMachine.start(builds.old, {
      ...PLAIN,
      user: USER,
      extra: ["-name", name, "-qmp", `unix:${real},server=on,wait=off`],
    }, "tcg"),
  );
  const { folder, pid } = vm;
  await Deno.chmod(folder, 0o755);
  await copyPrograms(folder, { "canary.pl": "canary.pl" });
  const relay = stack.use(await takeMonitor(pid, vm.files.qmp, real));
  const secrets = [ground.secret.path];
  const binary = await wrapper(folder, builds.new.binary, secrets);
  const nothing = () => Promise.resolve();
  const kept = stack.move();
  return {
    ...{ folder, pid, socket: vm.files.qmp, binary },
    play: (script) => relay.play(script),
    exec: nothing,
    pretend: nothing,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** A script that says it is the VM behind it, an honest one. */
export async function pretender(
  ground: Ground,
  real: { readonly socket: string; readonly argv: readonly string[] },
  { confined }: AttackerOptions,
): Promise<Attacker> {
  await using stack = new AsyncDisposableStack();
  const vm = stack.use(
    await HostileVm.start({
      real: real.socket,
      argv: real.argv,
      // Without a bounding set it could not become another user.
      wrapper: confined ? ["setpriv", "--no-new-privs"] : [],
    }),
  );
  const { folder, pid, socket } = vm;
  await copyPrograms(folder, { "canary.pl": "canary.pl" });
  const secrets = [ground.secret.path];
  const binary = await wrapper(folder, ground.deno, secrets);
  const kept = stack.move();
  return {
    ...{ folder, pid, socket, binary },
    play: (script) => vm.play(script),
    exec: (file, argv, environment) => vm.become({ file, argv, environment }),
    pretend: (words) => vm.pretend(words),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
