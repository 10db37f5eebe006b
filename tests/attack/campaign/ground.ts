/**
 * What rounds have in common: a copy of cprctl that an unprivileged user can
 * run, root's secrets, a folder for run directories, and an honest VM beside.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { QmpClient, QmpError } from "../../../lib/qmp/mod.ts";
import { Reaper } from "../../../testing/program/reaper.ts";
import { GuestRam, Lab, type Vm } from "../../../testing/machine/mod.ts";
import { USER } from "../hostile_vm.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const SOURCES = ["ffi", "lib", "main.ts", "deno.json", "deno.lock"];
const PROGRAMS = new URL("../programs/", import.meta.url).pathname;
const BACKEND_TIMEOUT_MS = 10_000;
const LONG_AGO = new Date(0);

/** A file of root's that is neither to be read nor to be written. */
export class Secret {
  readonly #text: string;

  private constructor(readonly path: string) {
    this.#text = `secret ${crypto.randomUUID()}\n`;
  }

  static async make(path: string): Promise<Secret> {
    const secret = new Secret(path);
    await Deno.writeTextFile(path, secret.#text, { mode: 0o600 });
    await Deno.utime(path, LONG_AGO, LONG_AGO);
    return secret;
  }

  /** @throws {AssertionError} when it was touched, or is in one of the texts */
  async assertKept(...texts: readonly string[]): Promise<void> {
    const { atime, mtime, mode, uid } = await Deno.stat(this.path);
    const kept = [atime, mtime].every((it) => it?.getTime() === 0);
    assert(kept, `"${this.path}" was read or written: ${atime}, ${mtime}`);
    assertEquals([(mode ?? 0) & 0o7777, uid], [0o600, 0]);
    for (const text of texts) {
      assert(!text.includes(this.#text.trim()), `A secret is told: ${text}`);
    }
  }

  /** @throws {Error} where a reader would leave no trace */
  async requireTraces(): Promise<void> {
    await Deno.readTextFile(this.path);
    const { atime } = await Deno.stat(this.path);
    if (atime?.getTime() === 0) {
      throw new Error(`No access times are kept at "${this.path}"`);
    }
    await Deno.utime(this.path, LONG_AGO, LONG_AGO);
  }
}

/** Where rounds are played, one after the other. */
export class Ground implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #lab: Lab;
  #backend: Vm | undefined;

  private constructor(
    stack: AsyncDisposableStack,
    lab: Lab,
    /** Everyone may look into it. */
    readonly folder: string,
    /** Of run directories, on tmpfs as the real one is. */
    readonly base: string,
    readonly secret: Secret,
    readonly neighbour: Vm,
    readonly neighbourName: string,
    readonly neighbourRam: GuestRam,
  ) {
    this.#stack = stack;
    this.#lab = lab;
  }

  static async open(): Promise<Ground> {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "cprctl-ground-" });
    await Deno.chmod(folder, 0o711);
    stack.use(new Reaper(folder));
    const base = await Deno.makeTempDir({
      dir: "/dev/shm",
      prefix: "cprctl-ground-",
    });
    stack.use(new Reaper(base, `RUNTIME_DIRECTORY=${base}`));
    await Deno.chmod(base, 0o711);
    await Deno.mkdir(`${folder}/own`, { mode: 0o700 });
    const secret = await Secret.make(`${folder}/own/secret`);
    await secret.requireTraces();
    await prepare(folder);
    const lab = stack.use(await Lab.open());
    const name = `honest-${crypto.randomUUID().slice(0, 8)}`;
    const neighbour = lab.start({ more: ["-name", name] });
    await (await neighbour.connect()).close();
    const ram = stack.use(new GuestRam(neighbour.pid));
    return new Ground(
      stack.move(),
      lab,
      ...[folder, base] as const,
      ...[secret, neighbour, name, ram] as const,
    );
  }

  /** URL of a copy of the repository. */
  get source(): string {
    return `file://${this.folder}/cprctl`;
  }

  /** A Deno that everyone may execute. */
  get deno(): string {
    return `${this.folder}/deno`;
  }

  /** Where it keeps what it compiled, for the attacker. */
  get denoDir(): string {
    return `${this.folder}/deno-dir`;
  }

  /** A set-user-ID program of root's. */
  get setuid(): string {
    return `${this.folder}/setuid`;
  }

  get setgid(): string {
    return `${this.folder}/setgid`;
  }

  /** Another honest VM, for one that pretends to be it. */
  async backend(): Promise<Vm> {
    if (this.#backend !== undefined) {
      if (await answers(this.#backend)) return this.#backend;
      this.#backend.kill("SIGKILL");
    }
    const backend = this.#lab.start();
    await (await backend.connect()).close();
    this.#backend = backend;
    return backend;
  }

  /** @throws {AssertionError} when the honest VM is not what it was */
  async assertNeighbour(): Promise<void> {
    await this.neighbourRam.ticked();
    const { status } = this.neighbourRam;
    assertEquals(status.error, 0);
    await using qmp = await this.neighbour.connect();
    const { pid } = qmp.peer ?? {};
    assertEquals(pid, this.neighbour.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A VM may have been told to end, by who pretends to be it. */
async function answers({ qmpPath: path }: Vm): Promise<boolean> {
  const timeoutMs = BACKEND_TIMEOUT_MS;
  try {
    await using qmp = await QmpClient.connectAgain({ path }, { timeoutMs });
    await qmp.execute("query-status");
    return true;
  } catch (error) {
    if (error instanceof QmpError) return false;
    throw error;
  }
}

async function prepare(folder: string): Promise<void> {
  const source = `${folder}/cprctl`;
  await Deno.mkdir(source);
  const copied = await new Deno.Command("cp", {
    args: ["-r", ...SOURCES.map((it) => `${ROOT}${it}`), source],
  }).output();
  assert(copied.success);
  await Deno.copyFile(Deno.execPath(), `${folder}/deno`);
  await Deno.chmod(`${folder}/deno`, 0o755);
  await Deno.mkdir(`${folder}/deno-dir`);
  await Deno.chown(`${folder}/deno-dir`, USER, USER);
  for (
    const [name, mode] of [["setuid", 0o4755], ["setgid", 0o2755]] as const
  ) {
    await Deno.copyFile("/bin/sleep", `${folder}/${name}`);
    await Deno.chmod(`${folder}/${name}`, mode);
  }
}

/**
 * Gives the attacker copies of programs of this suite, and a file that canaries
 * can write to, whatever they run as.
 */
export async function copyPrograms(
  folder: string,
  names: Readonly<Record<string, string>>,
): Promise<void> {
  await Deno.writeTextFile(`${folder}/seen`, "");
  await Deno.chmod(`${folder}/seen`, 0o666);
  for (const [name, as] of Object.entries(names)) {
    await Deno.writeTextFile(
      `${folder}/${as}`,
      await Deno.readTextFile(`${PROGRAMS}${name}`),
    );
  }
}
