import { assertEquals, assertStringIncludes } from "@std/assert";
import { findingsAfter } from "../other_process.ts";

async function finding(script: string) {
  const checks = await findingsAfter(["/bin/sh", "-c", script], []);
  const check = checks.get("encoding");
  return { verdict: check?.verdict, detail: check?.detail ?? "" };
}

const WAITING = "'echo; read _'";
const LATIN_1 = '"$(printf "caf\\351")"';

Deno.test("words that are no UTF-8 are refused", async () => {
  const { verdict, detail } = await finding(
    `exec sh -c ${WAITING} sh -name ${LATIN_1}`,
  );
  assertEquals(verdict, "refuse");
  assertStringIncludes(detail, "caf\ufffd");
});

Deno.test("an environment that is no UTF-8 is told", async () => {
  const { verdict, detail } = await finding(
    `exec env CAFE=${LATIN_1} sh -c ${WAITING}`,
  );
  assertEquals(verdict, "warn");
  assertStringIncludes(detail, "CAFE=");
});

Deno.test("words of other scripts pass", async () => {
  const { verdict } = await finding(`exec sh -c ${WAITING} sh -name café`);
  assertEquals(verdict, "ok");
});
