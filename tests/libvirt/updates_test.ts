/**
 * A domain is updated many times in a row, and then rolled back half as often:
 * nothing grows. Afterwards libvirt and the guest do what they did.
 */

import {
  assertEquals,
  assertLess,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { until } from "../../testing/program/until.ts";
import { validateReport } from "../../testing/update/report.ts";
import { LibvirtHost, WHOLE } from "./harness/libvirt_host.ts";

const ignore = !LibvirtHost.isPossible;
const UPDATES = WHOLE ? 50 : 2;
const ROLLBACKS = UPDATES / 2;
const TIMEOUT_MS = 60_000;
/** What the guest answers to "a" after so many boots. */
const BOOTED = { once: "b", twice: "c" } as const;
/** More than two processes of the same program differ by. */
const GROWTH = 1.3;

Deno.test(
  "updates and rollbacks of a domain in a row",
  { ignore },
  async (t) => {
    await using host = await LibvirtHost.start("bash", "virtqemud");
    const bad = await host.installBad();
    await host.boot("a");
    assertEquals(await host.say("a", "a"), BOOTED.once);

    /** What libvirt knows, and what is the same after each update. */
    const look = async () => {
      const folder = `/proc/${await host.pid("a")}`;
      return {
        state: await host.virsh("domstate a"),
        control: await host.virsh("domcontrol a"),
        terminal: await host.virsh("ttyconsole a"),
        xml: await host.virsh("dumpxml a"),
        guest: await host.say("a", "a"),
        // Without what the daemon has left open in the process that it started.
        descriptors: await host.root(
          `ls -l ${folder}/fd | sed 's/.* -> //; s/[0-9][0-9]*//g' |
          grep -v '/a.pid$' | sort | uniq -c`,
        ),
        context: await host.root(
          `cat ${folder}/cgroup; readlink ${folder}/ns/mnt
          grep -E '^(Uid|Gid|Groups|Cap)' ${folder}/status`,
        ),
        // The VM alone: a standby process would be another one.
        processes: await host.root(
          "readlink /proc/[0-9]*/exe | grep -c -e qemu -e deno -e cprctl",
        ),
        left: await host.root("ls -d /run/cprctl/*-* 2>/dev/null || true"),
      };
    };
    const memory = async () => {
      const status = await host.root(
        `cat /proc/${await host.pid("a")}/status`,
      );
      const of = (name: string) =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
      return { size: of("VmSize"), resident: of("VmRSS") };
    };
    const update = async (words = "") => {
      const { code, stdout } = await host.cprctl(
        `update --domain a --json ${words}`,
      );
      return { code, stdout, ...validateReport(JSON.parse(stdout)) };
    };

    const booted = await look();
    const first = await memory();

    await t.step(`${UPDATES} updates`, async () => {
      const pid = await host.pid("a");
      for (let n = 1; n <= UPDATES; n++) {
        await host.install(n % 2 === 0 ? "old" : "new");
        const { outcome, stdout } = await update();
        assertEquals(outcome, "updated", stdout);
        assertEquals(await host.pid("a"), pid);
        assertEquals(await look(), booted, `update ${n}`);
      }
    });

    await t.step(`${ROLLBACKS} rollbacks`, async () => {
      for (let n = 1; n <= ROLLBACKS; n++) {
        const pid = await host.pid("a");
        const { outcome, stdout } = await update(`--binary ${bad}`);
        assertEquals(outcome, "rolled-back", stdout);
        assertNotEquals(await host.pid("a"), pid);
        assertEquals(await look(), booted, `rollback ${n}`);
      }
    });

    await t.step("memory has not grown", async () => {
      const last = await memory();
      assertLess(last.size, first.size * GROWTH);
      assertLess(last.resident, first.resident * GROWTH);
      if (WHOLE) console.log(first, last);
    });

    await t.step(
      "the domain is suspended, rebooted and shut down",
      async () => {
        await host.virsh("suspend a");
        assertEquals(await host.virsh("domstate a"), "paused");
        await host.virsh("resume a");
        assertMatch(await host.virsh("domblkstat a vda"), /^vda rd_req \d+$/m);
        assertMatch(await host.virsh("domblkstat a vdb"), /^vdb rd_req \d+$/m);
        await host.virsh("reboot a --mode acpi");
        await until(
          "the guest boots again",
          TIMEOUT_MS,
          async () => await host.say("a", "a") === BOOTED.twice,
        );
        await host.virsh("shutdown a --mode acpi");
        await until(
          "the guest powers off",
          TIMEOUT_MS,
          async () => await host.virsh("domstate a") === "shut off",
        );
      },
    );
  },
);
