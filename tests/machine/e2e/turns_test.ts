/** Machines that are updated side by side: while one is stopped, the other waits. */

import { assert, assertEquals } from "@std/assert";
import { selfCommand } from "../../../lib/cli/self.ts";
import { UnixTransport } from "../../../lib/qmp/transport.ts";
import { type Candidate, workOnAll } from "../../../lib/update/all/all.ts";
import { update } from "../../../lib/update/update.ts";
import { listed } from "../../update/all/listed.ts";
import { inTime } from "../../../testing/program/until.ts";
import { Session } from "../../qmp/fake_peer.ts";
import { DEADLINE_MS, Lab } from "../../../testing/machine/mod.ts";

/** Enough to fill nothing, and to be seen. */
const ROUNDS = 20;

/** Who was read from, in order, and what else happened. */
class ReadLog implements Disposable {
  readonly entries: string[] = [];
  readonly #read = UnixTransport.prototype.read;

  constructor() {
    const { entries } = this;
    const read = this.#read;
    UnixTransport.prototype.read = async function (this: UnixTransport) {
      const bytes = await read.call(this);
      entries.push(`read ${this.peer?.pid}`);
      return bytes;
    };
  }

  [Symbol.dispose](): void {
    UnixTransport.prototype.read = this.#read;
  }
}

/** Lets a VM say something at each monitor, by a connection that is not logged. */
async function makeEvents(path: string): Promise<void> {
  using session = new Session(await Deno.connect({ transport: "unix", path }));
  await session.message(); // the greeting
  const stops = Array.from({ length: ROUNDS }, () => ["stop", "cont"]);
  for (const execute of ["qmp_capabilities", ...stops.flat()]) {
    await session.send(JSON.stringify({ execute, id: execute }));
    let answer = "";
    while (!answer.includes('"id"')) {
      answer = await inTime(execute, DEADLINE_MS, session.message()) ?? '"id"';
    }
    assert(answer.includes('"return"'), answer);
  }
}

Deno.test("while a guest is stopped, no other monitor is read", async () => {
  await using lab = await Lab.open();
  const other = (at: number) => lab.path(`other-${at}.qmp`);
  const vms = [0, 1].map((at) =>
    lab.start({ more: ["-qmp", `unix:${other(at)},server=on,wait=off`] })
  );
  for (const vm of vms) await (await vm.connect()).close();
  using log = new ReadLog();
  const turns: Candidate[] = [];
  const made = Promise.withResolvers<void>();

  const report = await workOnAll({
    vms: vms.map(({ pid, qmpPath: qmp }) =>
      listed({ pid, qmp, program: "cprctl" })
    ),
    jobs: 2,
    maxFailures: 2,
    work: async (vm, observer) => {
      const report = await update({
        address: { path: vm.qmp ?? "" },
        observer,
        timeoutMs: DEADLINE_MS,
        self: selfCommand(),
      });
      // The turn is this one's until the other has had something to say.
      if (turns[0]?.pid === vm.pid) await made.promise;
      log.entries.push(`end ${vm.pid}`);
      return report;
    },
    watcher: {
      phase: (vm, phase) => {
        if (phase !== "migrate" || turns.some(({ pid }) => pid === vm.pid)) {
          return;
        }
        turns.push(vm);
        log.entries.push(`begin ${vm.pid}`);
        if (turns.length > 1) return;
        const at = vms.findIndex(({ pid }) => pid !== vm.pid);
        makeEvents(other(at)).then(made.resolve, made.reject);
      },
    },
  });

  const [first, second] = turns;
  assert(first !== undefined && second !== undefined);
  const outcomes = report.results.map(({ outcome }) => outcome);
  assertEquals(outcomes, ["updated", "updated"], JSON.stringify(report));
  const { entries } = log;
  const begin = entries.indexOf(`begin ${first.pid}`);
  const end = entries.indexOf(`end ${first.pid}`);
  const during = entries.slice(begin, end);
  assert(during.includes(`read ${first.pid}`), "the VM in update was read");
  assertEquals(during.filter((it) => it === `read ${second.pid}`), []);
  assert(entries.slice(end).includes(`read ${second.pid}`));
});
