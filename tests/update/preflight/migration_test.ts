import { assertEquals, assertStringIncludes } from "@std/assert";
import { withRunDirectory } from "../run_base.ts";
import { findings } from "./fake_monitor.ts";

const NO_PLACE = "/proc/nowhere";

Deno.test("room for the state is allocated as a test, and freed", async () => {
  await using run = await withRunDirectory();
  const checks = await findings({});
  assertEquals(checks.get("state-room")?.verdict, "ok");
  assertEquals([...Deno.readDirSync(run.path)], []);
});

Deno.test("a state for which there is no room is refused", async () => {
  await using _run = await withRunDirectory();
  Deno.env.set("RUNTIME_DIRECTORY", NO_PLACE);
  const check = (await findings({})).get("state-room");
  assertEquals(check?.verdict, "refuse");
  assertStringIncludes(check?.detail ?? "", NO_PLACE);
});

/** What is said of a page that the human monitor prints so. */
async function verdict(printed: string, bytes = 4) {
  const checks = await findings(
    {
      "human-monitor-command": printed,
    },
    [],
    {
      tpmPage: { address: 0xfed45000, bytes },
      owner: { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 },
    },
  );
  return checks.get("tpm-page")?.verdict;
}

Deno.test("a page of zeros is preserved", async () => {
  const lines = ["fed45000: 0x00 0x00", "fed45002: 0x00 0x00"];
  assertEquals(await verdict(`${lines.join("\r\n")}\r\n`), "ok");
});

Deno.test("a page that is not zeros is preserved if it can be written", async () => {
  assertEquals(await verdict("fed45000: 0x00 0x00 0x00 0x01"), "ok");
});

Deno.test("a page that cannot be read is refused", async () => {
  const zeros = "0x00 0x00 0x00";
  assertEquals(await verdict(`fed45000: ${zeros}`), "refuse");
  assertEquals(await verdict(`fed45000: ${zeros} Cannot access`), "refuse");
  assertEquals(await verdict("unknown command: 'xp'"), "refuse");
  assertEquals(await verdict("", 0), "refuse");
  assertEquals(await verdict(`a: ${zeros} 0x0`, 1 << 20), "refuse");
});

Deno.test("a VM without a TPM has no such page", async () => {
  assertEquals((await findings({})).get("tpm-page")?.verdict, "ok");
});
