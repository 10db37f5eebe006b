interface Waiting {
  readonly exclusive: boolean;
  readonly grant: (held: Disposable) => void;
}

/** A lock that is granted in the order of requests, so that none starves. */
export class SharedExclusiveLock {
  readonly #queue: Waiting[] = [];
  #sharing = 0;
  #exclusive = false;

  /** Acquires the lock beside other shared holders; disposing releases it. */
  shared(): Promise<Disposable> {
    return this.#acquire(false);
  }

  /** Acquires the lock without other holders; disposing releases it. */
  exclusive(): Promise<Disposable> {
    return this.#acquire(true);
  }

  #acquire(exclusive: boolean): Promise<Disposable> {
    const { promise, resolve } = Promise.withResolvers<Disposable>();
    this.#queue.push({ exclusive, grant: resolve });
    this.#grantNext();
    return promise;
  }

  #grantNext(): void {
    for (;;) {
      const [next] = this.#queue;
      if (next === undefined || this.#exclusive) return;
      if (next.exclusive && this.#sharing > 0) return;
      this.#queue.shift();
      if (next.exclusive) this.#exclusive = true;
      else this.#sharing++;
      next.grant(this.#held(next.exclusive));
    }
  }

  #held(exclusive: boolean): Disposable {
    let isReleased = false;
    return {
      [Symbol.dispose]: () => {
        if (isReleased) return;
        isReleased = true;
        if (exclusive) this.#exclusive = false;
        else this.#sharing--;
        this.#grantNext();
      },
    };
  }
}
