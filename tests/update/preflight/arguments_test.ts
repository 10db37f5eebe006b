import { assertEquals, assertStringIncludes } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { O_RDONLY } from "../../../ffi/open_flags.ts";
import { findings } from "./fake_monitor.ts";
import { findingsAfter } from "./other_process.ts";

async function encodingFinding(script: string) {
  const checks = await findingsAfter(["/bin/sh", "-c", script], []);
  const check = checks.get("encoding");
  return { verdict: check?.verdict, detail: check?.detail ?? "" };
}

const WAITING = "'echo; read _'";
const LATIN_1 = '"$(printf "caf\\351")"';

Deno.test("words that are not UTF-8 are refused", async () => {
  const { verdict, detail } = await encodingFinding(
    `exec sh -c ${WAITING} sh -name ${LATIN_1}`,
  );
  assertEquals(verdict, "refuse");
  assertStringIncludes(detail, "caf\ufffd");
});

Deno.test("an environment that is not UTF-8 is named", async () => {
  const { verdict, detail } = await encodingFinding(
    `exec env CAFE=${LATIN_1} sh -c ${WAITING}`,
  );
  assertEquals(verdict, "warn");
  assertStringIncludes(detail, "CAFE=");
});

Deno.test("words of other scripts pass", async () => {
  const { verdict } = await encodingFinding(
    `exec sh -c ${WAITING} sh -name café`,
  );
  assertEquals(verdict, "ok");
});

/** More than a test has. */
const NEVER_OPEN = 900_000;

/** What is said of a descriptor of the VM, whose process is this one. */
async function descriptorFinding(number: number) {
  const checks = await findings({}, [], { descriptors: [number] });
  const check = checks.get("descriptors");
  return { verdict: check?.verdict, detail: check?.detail ?? "" };
}

Deno.test("a descriptor that stays open over an exec passes", async () => {
  using fd = Fd.open("/dev/null", O_RDONLY);
  fd.setCloexec(false);
  assertEquals((await descriptorFinding(fd.number)).verdict, "ok");
});

Deno.test("a descriptor that an exec closes is refused", async () => {
  using fd = Fd.open("/dev/null", O_RDONLY);
  const { verdict, detail } = await descriptorFinding(fd.number);
  assertEquals(verdict, "refuse");
  assertStringIncludes(detail, `Descriptor ${fd.number}`);
  assertStringIncludes(detail, "closed by exec");
});

Deno.test("a descriptor that is no longer open is refused", async () => {
  const { verdict, detail } = await descriptorFinding(NEVER_OPEN);
  assertEquals(verdict, "refuse");
  assertStringIncludes(detail, "is not open");
});

Deno.test("a descriptor that is sent has to be open, and may close on exec", async () => {
  const finding = async (sent: number) =>
    (await findings({}, [], { sent })).get("descriptors");
  using fd = Fd.open("/dev/null", O_RDONLY);
  assertEquals((await finding(fd.number))?.verdict, "ok");
  for (const sent of [NEVER_OPEN, NaN]) {
    const { verdict, detail = "" } = await finding(sent) ?? {};
    assertEquals(verdict, "refuse");
    assertStringIncludes(detail, `Descriptor ${sent}`);
  }
});
