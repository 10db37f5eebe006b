/**
 * Who may work, and who may work alone: VMs that are looked at share the host;
 * a VM whose guest stands still has it to itself, so that a crowd makes no
 * downtime longer.
 *
 * Whoever asks first is served first, so that nobody waits for ever.
 *
 * @module
 */

/** The right to work, until it is given back. */
export type Turn = Disposable;

interface Waiting {
  readonly alone: boolean;
  readonly begin: (turn: Turn) => void;
}

/** Gives out turns. */
export class Turns {
  readonly #queue: Waiting[] = [];
  #sharing = 0;
  #alone = false;

  /** A turn beside others that share. */
  share(): Promise<Turn> {
    return this.#ask(false);
  }

  /** A turn with nobody beside it. */
  alone(): Promise<Turn> {
    return this.#ask(true);
  }

  #ask(alone: boolean): Promise<Turn> {
    const { promise, resolve } = Promise.withResolvers<Turn>();
    this.#queue.push({ alone, begin: resolve });
    this.#serve();
    return promise;
  }

  #serve(): void {
    for (;;) {
      const [next] = this.#queue;
      if (next === undefined || this.#alone) return;
      if (next.alone && this.#sharing > 0) return;
      this.#queue.shift();
      if (next.alone) this.#alone = true;
      else this.#sharing++;
      next.begin(this.#turn(next.alone));
    }
  }

  #turn(alone: boolean): Turn {
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        if (alone) this.#alone = false;
        else this.#sharing--;
        this.#serve();
      },
    };
  }
}
