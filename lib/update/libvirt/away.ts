/**
 * libvirt's daemon while it is stopped for an update. A note in cprctl's run
 * directory has `cprctl recover` start it again after a cprctl was killed:
 *
 * ```
 * libvirt.lock   locked by the cprctl that has stopped the daemon
 * libvirt.json   the note: the daemon, and the domain that is updated
 * ```
 *
 * @module
 */

import { Fd } from "../../../ffi/fd.ts";
import { O_CREAT, O_NOFOLLOW, O_RDWR } from "../../../ffi/open_flags.ts";
import {
  ForeignJson,
  type ForeignObject,
  pathText,
} from "../../foreign_json.ts";
import { RefusedError, UpdateProblem } from "../error.ts";
import { baseDirectory, RunDirectory } from "../run/directory.ts";
import { OWNER_ONLY, readOwnFile, writeOwnFile } from "../run/own_file.ts";
import { type Daemon, findDaemon, startDaemon, stopDaemon } from "./daemon.ts";
import { type Domain, writePid } from "./domain.ts";

const LOCK = "libvirt.lock";
const NOTE = "libvirt.json";
const SCHEMA = 1;

/** What the note says. */
interface Note {
  readonly schema: typeof SCHEMA;
  readonly domain: Domain;
  readonly daemon: Daemon;
}

/** A daemon that is stopped for an update, or was left stopped by one. */
export class DaemonAway implements Disposable {
  /** Whether it is stopped now. */
  isStopped = false;

  private constructor(
    private readonly base: string,
    private readonly lock: Fd,
    readonly domain: Domain,
    readonly daemon: Daemon,
  ) {}

  /**
   * Finds the daemon, and locks it for an update of a domain.
   *
   * @throws {RefusedError} when another cprctl has it, or none runs
   */
  static async of(domain: Domain): Promise<DaemonAway> {
    using stack = new DisposableStack();
    const base = await baseDirectory();
    const lock = tryLock(base);
    if (lock === undefined) {
      throw new RefusedError(
        "locked",
        "Another cprctl has stopped libvirt's daemon, to update a domain",
        { remedy: "Wait until it is done" },
      );
    }
    stack.use(lock);
    if (readNote(base) !== undefined) {
      throw new RefusedError(
        "unfinished",
        "An earlier cprctl has left libvirt's daemon stopped",
        { remedy: "Run cprctl recover" },
      );
    }
    const daemon = await findDaemon();
    stack.move();
    return new DaemonAway(base, lock, domain, daemon);
  }

  /** Stops the daemon. */
  async stop(): Promise<void> {
    const { base, domain, daemon } = this;
    const note: Note = { schema: SCHEMA, domain, daemon };
    await writeOwnFile(`${base}/${NOTE}`, JSON.stringify(note));
    this.isStopped = true;
    try {
      await stopDaemon(daemon);
    } catch (error) {
      await this.start();
      throw error;
    }
  }

  /** What a killed cprctl has left; undefined if another one works on it. */
  static async left(): Promise<DaemonAway | undefined> {
    const base = await baseDirectory();
    if (readNote(base) === undefined) return undefined;
    using stack = new DisposableStack();
    const lock = tryLock(base);
    if (lock === undefined) return undefined;
    stack.use(lock);
    const note = readNote(base);
    if (note === undefined) return undefined;
    stack.move();
    return new DaemonAway(base, lock, note.domain, note.daemon);
  }

  /**
   * Whether an update of the domain is unfinished. The daemon would take its
   * domain to have ended, and take from it what a recovery needs.
   */
  async isNeeded(): Promise<boolean> {
    for await (const { pid } of RunDirectory.list()) {
      if (pid === this.domain.pid) return true;
    }
    return false;
  }

  /**
   * Starts the daemon again.
   *
   * @param pid the domain's process now, if it was rolled back
   */
  async start(pid = this.domain.pid): Promise<void> {
    try {
      if (pid !== this.domain.pid) await writePid(this.domain, pid);
    } finally {
      await startDaemon(this.daemon);
      Deno.removeSync(`${this.base}/${NOTE}`);
      this.isStopped = false;
    }
  }

  [Symbol.dispose](): void {
    this.lock.close();
  }
}

function tryLock(base: string): Fd | undefined {
  const flags = O_RDWR | O_CREAT | O_NOFOLLOW;
  const lock = Fd.open(`${base}/${LOCK}`, flags, OWNER_ONLY);
  if (lock.tryLock()) return lock;
  lock.close();
  return undefined;
}

/** @throws {UpdateProblem} when it is damaged */
function readNote(base: string): Note | undefined {
  const text = readOwnFile(`${base}/${NOTE}`);
  if (text === undefined) return undefined;
  const damaged = (why: string) =>
    new UpdateProblem("note-damaged", `"${base}/${NOTE}" is damaged: ${why}`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw damaged("it is not JSON");
  }
  const json = new ForeignJson(
    document,
    (path, what) => damaged(`"${pathText(path)}" ${what}`),
  );
  requireNote(json, json.root);
  return document as Note;
}

function requireNote(json: ForeignJson, root: ForeignObject): void {
  if (json.count(root, "schema") !== SCHEMA) {
    throw json.problem(root, "is of another version of cprctl");
  }
  const domain = json.object(root, "domain");
  for (const key of ["name", "monitor"]) json.text(domain, key);
  json.count(domain, "pid");
  const daemon = json.object(root, "daemon");
  if (daemon["units"] !== undefined) return;
  json.count(daemon, "pid");
  for (const key of ["startTime", "cwd"]) json.text(daemon, key);
  json.object(daemon, "environment");
}
