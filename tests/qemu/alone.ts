/**
 * The built file on a clean machine: alone in a folder, no Deno, no HOME, and a
 * PATH that leads to nothing but the system's own programs.
 *
 * @module
 */

import { asUser } from "../../testing/qemu/virtual_machine.ts";
import { buildPortable } from "../scripts/built.ts";
import { exists } from "../../testing/program/exists.ts";
import type { Ended } from "../../testing/program/program.ts";

const TIMEOUT_MS = 60_000;

/** Folders for everybody, where a user without a home unpacks it. */
const COMMON = ["/var/tmp", "/tmp", "/dev/shm"];

/** How it is run. */
export interface Circumstances {
  /** As whom, if not as who runs the tests; only root can. */
  readonly user?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The file that CPRCTL names, or else one that is built for this. */
export class AloneProgram implements AsyncDisposable {
  /** Nothing but the program is in it. */
  readonly folder: string;
  readonly #users: readonly number[];
  /** What was not there before the program unpacked itself. */
  readonly #unpacked: readonly string[];

  private constructor(
    folder: string,
    users: readonly number[],
    unpacked: readonly string[],
  ) {
    this.folder = folder;
    this.#users = users;
    this.#unpacked = unpacked;
  }

  /** @param users who will run it besides the one who runs the tests */
  static async make(users: readonly number[] = []): Promise<AloneProgram> {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-alone-" });
    await Deno.chmod(folder, 0o755);
    const file = `${folder}/cprctl`;
    const built = Deno.env.get("CPRCTL");
    if (built) await Deno.copyFile(built, file);
    else await Deno.rename(await buildPortable(folder), file);
    const unpacked = placesOf(await idOf(file), users)
      .filter((path) => !exists(path));
    return new AloneProgram(folder, users, unpacked);
  }

  /** Runs it to its end, with nothing in its environment that is not said. */
  async run(
    words: readonly string[],
    { user, environment = {} }: Circumstances = {},
  ): Promise<Ended> {
    if (user !== undefined && !this.#users.includes(user)) {
      throw new Error(`Nobody said that user ${user} would run it`);
    }
    const variables = Object.entries({ PATH: "/usr/bin:/bin", ...environment })
      .map(([name, value]) => `${name}=${value}`);
    const [program = "", ...args] = [
      ...asUser(user),
      ...["env", "-i", ...variables],
      ...["./cprctl", ...words],
    ];
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args,
      cwd: this.folder,
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of [this.folder, ...this.#unpacked]) {
      if (exists(path)) await Deno.remove(path, { recursive: true });
    }
  }
}

/** The name under which a portable program unpacks itself. */
async function idOf(file: string): Promise<string | undefined> {
  const start = new Uint8Array(8192);
  using opened = await Deno.open(file);
  await opened.read(start);
  return /^cprctl_id=(\S+)$/m.exec(new TextDecoder("latin1").decode(start))
    ?.[1];
}

/** Where it may unpack itself; first what others may have there as well. */
function placesOf(id: string | undefined, users: readonly number[]): string[] {
  const own = users.flatMap((user) =>
    COMMON.map((folder) => `${folder}/cprctl-${user}`)
  );
  if (id === undefined) return own;
  const uid = Deno.uid();
  const shared = [
    "/var/cache/cprctl",
    "/run/cprctl",
    ...COMMON.map((folder) => `${folder}/cprctl-${uid}`),
    ...own,
  ];
  return [...shared.map((folder) => `${folder}/${id}`), ...own];
}
