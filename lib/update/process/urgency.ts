/**
 * Priority for what a stopped guest waits for: the threads of this process, and
 * those of the VM's process, which are boosted.
 *
 * On a busy host, the new program would wait for a core at every step, and so
 * would this process. While the guest is stopped, both have real-time priority.
 * The VM's own scheduling attributes do not change: a boost ends with this
 * process, or after a moment unless it is renewed, and is not inherited by what
 * the VM's process starts.
 *
 * @module
 */

import { PriorityBooster } from "../../../ffi/priority_boost.ts";
import { ifThereSync } from "../../gone.ts";
import { PidFd } from "../../../ffi/process.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import { readThreadCount, threadIdsOf } from "../../proc/processes.ts";
import { lowerOthers, OwnPriority, raiseNew } from "./own_priority.ts";

/** Duration of one boost. */
const BOOST_MS = 50;
/** A boost that has not ended by then: its waiting thread gets no core. */
const OVERDUE_MS = 60;
/** Between two looks for threads that have been started. */
const LOOK_MS = 1;
/**
 * For all VMs together, without main threads: a boost takes one of the 32
 * threads that the runtime has for blocking calls, and every socket needs one.
 */
const MAXIMUM_BOOSTS = 10;
/** A VM that takes longer is no more urgent than others. */
const MAXIMUM_MS = 5_000;

/** The boosts under way, of all VMs. */
const boosts = new Set<Boost>();
/** The VMs whose threads are boosted. */
const boosting = new Set<Work>();

/** Priority for one VM's process. */
export class Urgency implements AsyncDisposable {
  readonly #work: Work | undefined;

  private constructor(work: Work | undefined) {
    this.#work = work;
  }

  /**
   * Begins. Where this user has no right to it, or the system does not know
   * it, nothing is done.
   *
   * @param pid of the VM's process, whatever it executes meanwhile
   * @param vcpus threads that run the guest, and get no boost
   */
  static of(pid: number, vcpus: readonly number[] = []): Urgency {
    using stack = new DisposableStack();
    // A VM without priority is better than none.
    const work = ifPossible(() => {
      const process = stack.use(PidFd.open(pid));
      const booster = stack.use(new PriorityBooster());
      const own = stack.use(OwnPriority.raise());
      return own &&
        new Work({ process, booster, own, vcpus, resources: stack.move() });
    });
    return new Urgency(work);
  }

  /** Ends the boost, because the guest is about to run. */
  endBoost(): void {
    this.#work?.endBoost();
  }

  /** Ends it: at once, unless another VM is urgent. */
  end(): void {
    this.#work?.end();
  }

  /** Ends it, and waits until the last boost is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    await this.#work?.done;
  }
}

interface Boost {
  readonly isMain: boolean;
  readonly begun: number;
}

interface Needs {
  readonly process: PidFd;
  readonly booster: PriorityBooster;
  readonly own: OwnPriority;
  readonly vcpus: readonly number[];
  /** Disposed of in the end. */
  readonly resources: Disposable;
}

/** Boosts the threads of a process until it is ended. */
class Work {
  readonly done: Promise<void>;
  readonly #process: PidFd;
  readonly #booster: PriorityBooster;
  readonly #own: OwnPriority;
  /** The threads that have a boost, or are to have none. */
  readonly #boosted: Map<number, Promise<void>>;
  /** How many threads there were at the last look; undefined to look anyway. */
  #count: number | undefined;
  #ended = false;
  #wake: () => void = () => {};

  constructor({ process, booster, own, vcpus, resources }: Needs) {
    this.#process = process;
    this.#booster = booster;
    this.#own = own;
    this.#boosted = new Map(vcpus.map((tid) => [tid, Promise.resolve()]));
    boosting.add(this);
    this.done = this.#run(resources);
  }

  endBoost(): void {
    boosting.delete(this);
    if (boosting.size === 0) lowerOthers();
  }

  end(): void {
    this.endBoost();
    this.#ended = true;
    this.#own[Symbol.dispose]();
    this.#wake();
  }

  async #run(resources: Disposable): Promise<void> {
    using _ = resources;
    const until = performance.now() + MAXIMUM_MS;
    while (!this.#ended) {
      if (boosting.has(this)) this.#boostThreads();
      if (performance.now() >= until) this.end();
      await this.#nextLook();
    }
    await Promise.all(this.#boosted.values());
  }

  #boostThreads(): void {
    if (isOverdue()) return lowerOthers();
    raiseNew();
    const count = ifThereSync(() => readThreadCount(this.#process.pid));
    if (count === this.#count) return;
    this.#count = count;
    for (const tid of threadIdsOf(this.#process)) this.#boostThread(tid);
  }

  #boostThread(tid: number): void {
    const isMain = tid === this.#process.pid;
    if (this.#boosted.has(tid)) return;
    if (!isMain && isFull()) {
      this.#count = undefined;
      return;
    }
    this.#boosted.set(tid, this.#boost(tid, isMain));
  }

  async #boost(tid: number, isMain: boolean): Promise<void> {
    const boost = { isMain, begun: performance.now() };
    boosts.add(boost);
    const end = await this.#booster.boost(tid, BOOST_MS);
    boosts.delete(boost);
    // An exec ends a boost, and for some milliseconds afterwards the kernel
    // takes none; another thread that is refused has ended.
    if (end !== "refused" || isMain) {
      this.#boosted.delete(tid);
      this.#count = undefined;
    }
    if (end === "released") this.#wake(); // the guest waits for it
  }

  async #nextLook(): Promise<void> {
    if (this.#ended) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, LOOK_MS);
    });
  }
}

function isFull(): boolean {
  const others = boosts.values().filter(({ isMain }) => !isMain);
  return others.toArray().length >= MAXIMUM_BOOSTS;
}

function isOverdue(): boolean {
  const latest = performance.now() - OVERDUE_MS;
  return boosts.values().some(({ begun }) => begun < latest);
}
