/**
 * A domain's monitor, first through libvirt's daemon, which is connected to it,
 * and then directly, once the daemon has been stopped. The client of this
 * stream notices nothing but events, of which it gets none before.
 *
 * ```
 *   client ─▶ virsh qemu-monitor-command ─▶ daemon ─▶ QEMU     while it is checked
 *   client ─────────────────────────────────────────▶ QEMU     from `direct` on
 * ```
 *
 * @module
 */

import type { Peer } from "../../qmp/mod.ts";
import { openOrExplain } from "../../qmp/connecting.ts";
import type { Transport } from "../../qmp/transport.ts";
import {
  isObject,
  type JsonObject,
  parseJson,
  stringifyJson,
} from "../../qmp/json.ts";
import { type Patience, within } from "../../qmp/deadline.ts";
import { CONNECT_TIMEOUT_MS } from "../deadline.ts";
import { RefusedError } from "../error.ts";
import { readOwner } from "../../proc/processes.ts";
import type { Domain } from "./domain.ts";
import { VirshShell } from "./shell.ts";

/** libvirt has negotiated already: the client gets an empty success. */
const NEGOTIATE = "qmp_capabilities";
/** The id of our own commands: their replies do not go to the client. */
const OWN_ID = "cprctl";
const LINE_FEED = 10;
const PATIENCE = { timeoutMs: CONNECT_TIMEOUT_MS };

/** The stream. */
export class DomainMonitor implements Transport {
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  readonly #waiting: Uint8Array[] = [];
  #news = Promise.withResolvers<void>();
  #direct: Transport | undefined;
  #hasEnded = false;

  private constructor(
    private readonly domain: Domain,
    readonly peer: Peer,
    private readonly shell: VirshShell,
  ) {}

  /** @throws {UpdateProblem} when libvirt does not pass commands on */
  static async open(domain: Domain): Promise<DomainMonitor> {
    const owner = await readOwner(domain.pid);
    const shell = VirshShell.start(domain.name);
    const monitor = new DomainMonitor(
      domain,
      { pid: domain.pid, ...owner },
      shell,
    );
    try {
      const version = await within(
        shell.execute("query-version", undefined),
        PATIENCE,
        () => silent(domain),
      );
      monitor.#receive({
        QMP: { version: version["return"] ?? null, capabilities: [] },
      });
      return monitor;
    } catch (error) {
      await shell[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Connects to the monitor itself; the daemon must be stopped.
   *
   * @throws {RefusedError} when another process answers there
   */
  async direct(patience: Patience = PATIENCE): Promise<void> {
    await this.shell[Symbol.asyncDispose]();
    const { monitor: path } = this.domain;
    const direct = await openOrExplain({ path }, patience);
    try {
      requirePeer(this.domain, direct.peer);
      // The daemon is stopped meanwhile, and a VM may never end its greeting.
      await within(
        this.#skipGreeting(direct),
        patience,
        () => silent(this.domain),
      );
      const negotiate = { execute: NEGOTIATE, id: OWN_ID };
      await direct.write(this.#encoder.encode(stringifyJson(negotiate)));
    } catch (error) {
      direct.close();
      throw error;
    }
    this.#direct = direct;
    this.#news.resolve();
  }

  /** The client has had one, and a monitor greets with one line. */
  async #skipGreeting(direct: Transport): Promise<void> {
    for (;;) {
      const bytes = await direct.read();
      if (bytes === null) throw silent(this.domain);
      const end = bytes.indexOf(LINE_FEED);
      if (end < 0) continue;
      this.#waiting.push(bytes.slice(end + 1));
      return;
    }
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const bytes = this.#waiting.shift();
      if (bytes !== undefined && bytes.length > 0) return bytes;
      if (bytes !== undefined) continue;
      if (this.#hasEnded) return null;
      if (this.#direct !== undefined) return await this.#direct.read();
      await this.#news.promise;
      this.#news = Promise.withResolvers();
    }
  }

  async write(
    bytes: Uint8Array,
    descriptors?: readonly number[],
  ): Promise<void> {
    if (this.#direct !== undefined) {
      await this.#direct.write(bytes, descriptors);
      return;
    }
    const command = parseJson(this.#decoder.decode(bytes));
    if (!isObject(command)) throw new TypeError("A command is an object");
    const { id = null, execute, arguments: args } = command;
    if (execute === NEGOTIATE) {
      this.#receive({ return: {}, id });
      return;
    }
    // Not awaited: replies may take long, and more commands may follow.
    this.shell.execute(String(execute), isObject(args) ? args : undefined)
      .then((reply) => this.#receive({ ...reply, id }))
      .catch(() => this.drain()); // libvirt or the domain is gone
  }

  #receive(message: JsonObject): void {
    this.#waiting.push(this.#encoder.encode(`${stringifyJson(message)}\r\n`));
    this.#news.resolve();
  }

  peerHasEnded(): boolean {
    return this.#direct?.peerHasEnded() ?? false;
  }

  pause(): void {
    this.#direct?.pause();
  }

  resume(): void {
    this.#direct?.resume();
  }

  drain(): void {
    if (this.#direct !== undefined) this.#direct.drain();
    else this.#finish();
  }

  close(): void {
    if (this.#direct === undefined) void this.shell[Symbol.asyncDispose]();
    else this.#direct.close();
    this.#finish();
  }

  #finish(): void {
    this.#hasEnded = true;
    this.#news.resolve();
  }
}

function silent({ name }: Domain): RefusedError {
  return new RefusedError(
    "libvirt-monitor",
    `The monitor of domain "${name}" does not answer`,
    { remedy: "Check that virsh domcontrol prints ok for the domain" },
  );
}

/** @throws {RefusedError} when another process answers at the monitor */
export function requirePeer({ name, pid }: Domain, peer: Peer | null): void {
  if (peer?.pid === pid) return;
  throw new RefusedError(
    "other-listener",
    `Process ${peer?.pid} answers at the monitor of domain "${name}", whose ` +
      `process is ${pid}`,
    { remedy: "Find out why, before anything else" },
  );
}
