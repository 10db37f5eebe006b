import { assertEquals } from "@std/assert";
import { findings } from "./fake_monitor.ts";

const WORDS = 4;

/** What is said of a page that the human monitor prints so. */
async function verdict(printed: string, bytes = 4 * WORDS) {
  const checks = await findings(
    {
      "human-monitor-command": printed,
    },
    [],
    { tpmPage: { address: 0xfed45000, bytes } },
  );
  return checks.get("tpm-page")?.verdict;
}

Deno.test("a page of zeros is no loss", async () => {
  const lines = [
    "fed45000: 0x00000000 0x00000000",
    "fed45008: 0x00000000 0x00000000",
  ];
  assertEquals(await verdict(`${lines.join("\r\n")}\r\n`), "ok");
});

Deno.test("a page that is not zeros, or not known to be, is refused", async () => {
  const zeros = "0x00000000 0x00000000 0x00000000";
  assertEquals(await verdict(`fed45000: ${zeros} 0x00000100`), "refuse");
  assertEquals(await verdict(`fed45000: ${zeros}`), "refuse");
  assertEquals(await verdict(`fed45000: ${zeros} Cannot access`), "refuse");
  assertEquals(await verdict("unknown command: 'xp'"), "refuse");
  assertEquals(await verdict("", 0), "refuse");
  assertEquals(await verdict(`a: ${zeros} 0x0`, 1 << 20), "refuse");
});

Deno.test("a VM without a TPM has no such page", async () => {
  assertEquals((await findings({})).get("tpm-page")?.verdict, "ok");
});
