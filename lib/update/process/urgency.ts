/**
 * Priority for what a guest that stands still waits for: the threads of this
 * process, and those of the VM's process, which are lent it.
 *
 * On a host whose cores are taken, the new program would wait for its turn at
 * every step, and so would its answers. For as long as the guest stands still
 * both come before whatever is not of real time. Nothing that the VM's process
 * has is changed: what is lent ends with this process, or after a moment unless
 * it is lent anew, and is not inherited by what the VM's process starts.
 *
 * @module
 */

import { OsError } from "../../../ffi/libc.ts";
import { PriorityLender } from "../../../ffi/priority_loan.ts";
import { PidFd } from "../../../ffi/process.ts";
import { OwnPriority, raiseNew } from "./own_priority.ts";

/** Lent at a time. */
const LOAN_MS = 50;
/** Between two looks for threads that have been started. */
const LOOK_MS = 1;
/**
 * Of all VMs together, main threads aside: a loan keeps one of the 32 threads
 * that the runtime has for calls that wait, and every socket needs one.
 */
const MAXIMUM_LOANS = 10;
/** A VM that takes longer is no more urgent than others. */
const MAXIMUM_MS = 5_000;

let loans = 0;

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
   */
  static of(pid: number): Urgency {
    using stack = new DisposableStack();
    try {
      const process = stack.use(PidFd.open(pid));
      const lender = stack.use(new PriorityLender());
      const own = OwnPriority.raise();
      if (own === undefined) return new Urgency(undefined);
      stack.use(own);
      return new Urgency(new Work(process, lender, own, stack.move()));
    } catch (error) {
      // A VM without priority is better than none.
      if (!(error instanceof OsError)) throw error;
      return new Urgency(undefined);
    }
  }

  /** Ends it: at once, unless another VM is urgent. */
  end(): void {
    this.#work?.end();
  }

  /** Ends it, and waits until the last loan is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    await this.#work?.done;
  }
}

/** Lends to every thread of a process until it is ended. */
class Work {
  readonly done: Promise<void>;
  readonly #process: PidFd;
  readonly #lender: PriorityLender;
  readonly #own: OwnPriority;
  /** The threads that have a loan, or cannot have one. */
  readonly #lent = new Map<number, Promise<void>>();
  #ended = false;
  #wake: () => void = () => {};

  constructor(
    process: PidFd,
    lender: PriorityLender,
    own: OwnPriority,
    resources: Disposable,
  ) {
    this.#process = process;
    this.#lender = lender;
    this.#own = own;
    this.done = this.#run(resources);
  }

  end(): void {
    this.#ended = true;
    this.#own[Symbol.dispose]();
    this.#wake();
  }

  async #run(resources: Disposable): Promise<void> {
    using _ = resources;
    const until = performance.now() + MAXIMUM_MS;
    while (!this.#ended) {
      for (const tid of this.#threads()) this.#lendTo(tid);
      raiseNew();
      if (performance.now() >= until) this.end();
      await this.#nextLook();
    }
    await Promise.all(this.#lent.values());
  }

  /** None once the process has ended: its id may be another's. */
  #threads(): number[] {
    if (this.#process.hasExited()) return [];
    try {
      return [...Deno.readDirSync(`/proc/${this.#process.pid}/task`)]
        .map(({ name }) => Number(name));
    } catch (error) {
      // It ends; Deno has no class for all that /proc says then.
      if (!(error instanceof Error)) throw error;
      return [];
    }
  }

  #lendTo(tid: number): void {
    const isMain = tid === this.#process.pid;
    if (this.#lent.has(tid) || !isMain && loans >= MAXIMUM_LOANS) return;
    this.#lent.set(tid, this.#lend(tid, isMain ? 0 : 1));
  }

  async #lend(tid: number, counts: 0 | 1): Promise<void> {
    loans += counts;
    const end = await this.#lender.lend(tid, LOAN_MS);
    loans -= counts;
    // An exec ends a loan, and for some milliseconds afterwards the kernel takes
    // none; another thread that is refused has ended.
    if (end !== "refused" || tid === this.#process.pid) this.#lent.delete(tid);
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
