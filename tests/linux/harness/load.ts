/** What a Linux guest does while it is moved, and how that is judged. */

import { assertEquals, assertGreater } from "@std/assert";
import { runProgram } from "../../../testing/program/run.ts";
import type { EchoConnection } from "./echo.ts";
import type { LinuxMachine } from "./linux_machine.ts";

const TIMEOUT_MS = 90_000;
/** What a kernel says when the machine under it misbehaves. */
const COMPLAINTS =
  /lockup|rcu.*stall|EXT4-fs error|I\/O error|Call Trace|\bOops|BUG:|unstable|virtio.*(error|timeout|broken)/i;

/** Files, a clock and a connection of a guest. */
export class Load {
  #written = 0;
  #uptime = 0;

  constructor(
    readonly vm: LinuxMachine,
    readonly connection: EchoConnection,
  ) {}

  /** Asserts that all of it has gone on since the last look. */
  async goesOn(): Promise<void> {
    const { agent } = this.vm;
    await this.connection.roundTrip();
    const more = `until [ "$(cat /run/written)" -gt ${this.#written} ]; ` +
      "do usleep 50000; done; cat /run/written";
    this.#written = Number(await agent.run(more, TIMEOUT_MS));
    const uptime = parseFloat(await agent.run("cat /proc/uptime"));
    assertGreater(uptime, this.#uptime, "The guest's clock went backwards");
    this.#uptime = uptime;
    assertEquals(await agent.run("cat /run/errors"), "");
  }

  /** Stops the writer; asserts that nothing was lost on the way. */
  async finish(): Promise<void> {
    const { agent, files } = this.vm;
    await agent.run(
      "touch /run/writer-stops; " +
        "until [ -e /run/writer-state ]; do usleep 50000; done",
      TIMEOUT_MS,
    );
    assertEquals(await agent.run("cat /run/errors"), "");
    assertGreater(Number(await agent.run("cat /run/checked")), 0);
    assertEquals(await agent.run("umount /data"), "");
    const said = await agent.run("dmesg");
    const complaints = said.split("\n").filter((it) => COMPLAINTS.test(it));
    assertEquals(complaints, []);
    const check = await runProgram(["e2fsck", "-f", "-n", files.disk]);
    assertEquals(check.code, 0, check.stdout);
  }
}
