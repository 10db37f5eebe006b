/** A QEMU that is a script: it answers as a test says, and notes what it heard. */

import { type ConnectOptions, QmpClient } from "../../lib/qmp/mod.ts";
import { FakePeer, type Session } from "../qmp/fake_peer.ts";

/** What a command leads to. */
export type Answer = (monitor: ScriptedMonitor) => unknown;

/** An answer that is an error of QEMU's. */
export class Refusal {
  constructor(readonly desc: string) {}
}

/** No answer: the program closes its monitor. */
export const CLOSES = Symbol("closes");

/** No answer, but to later commands. */
export const SILENT = Symbol("silent");

/** One program's monitor. */
export class ScriptedMonitor implements AsyncDisposable {
  readonly #peer = new FakePeer();
  readonly #name: string;
  readonly #heard: string[];
  readonly #answers: Readonly<Record<string, Answer>>;
  /** Ends the program's process. */
  readonly end: () => void;
  #session: Session | undefined;
  #serving: Promise<void> | undefined;

  /**
   * @param heard is told each command, after the program's name
   * @param answers by command; without one the answer is empty
   * @param end ends the program's process
   */
  constructor(
    name: string,
    heard: string[],
    answers: Readonly<Record<string, Answer>>,
    end: () => void,
  ) {
    this.#name = name;
    this.#heard = heard;
    this.#answers = answers;
    this.end = end;
  }

  /** Starts it, and connects. */
  async connect(budget?: ConnectOptions["budget"]): Promise<QmpClient> {
    const connecting = QmpClient.connect(this.#peer.address, {
      timeoutMs: 5_000,
      budget,
    });
    this.#session = await this.#peer.accept();
    this.#serving = this.#serve(this.#session);
    this.#serving.catch(() => undefined); // a client may hang up on it
    return await connecting;
  }

  /** Sends an event. */
  event(name: string, data: Readonly<Record<string, unknown>> = {}): void {
    const timestamp = { seconds: 1, microseconds: 0 };
    void this.#send({ event: name, data, timestamp });
  }

  /** What QEMU says of a migration. */
  migration(...statuses: readonly string[]): void {
    for (const status of statuses) this.event("MIGRATION", { status });
  }

  async #serve(session: Session): Promise<void> {
    await session.handshake();
    for (;;) {
      const message = await session.message();
      if (message === undefined) return;
      const { execute, id } = JSON.parse(message);
      this.#heard.push(`${this.#name}: ${execute}`);
      const answer = await this.#answers[execute]?.(this) ??
        (execute.startsWith("query-") || execute === "qom-list" ? [] : {});
      if (answer === CLOSES) return session.close();
      if (answer === SILENT) continue;
      await this.#send(
        answer instanceof Refusal
          ? { error: { class: "GenericError", desc: answer.desc }, id }
          : { return: answer, id },
      );
    }
  }

  async #send(message: unknown): Promise<void> {
    try {
      await this.#session?.send(`${JSON.stringify(message)}\r\n`);
    } catch (error) {
      // The client has read what it wanted.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session?.close();
    this.#peer[Symbol.dispose]();
    // The end of the connection may meet a read or a write.
    await this.#serving?.catch(() => undefined);
  }
}
