import { assertEquals } from "@std/assert";
import { executableFormat } from "../../../lib/update/preflight/new_program.ts";

Deno.test("files that the kernel can execute", () => {
  const elf = Uint8Array.from([
    0x7f,
    0x45,
    0x4c,
    0x46,
    2,
    1,
    1,
    ...Array(11).fill(0),
    62,
    0,
  ]);
  const text = (it: string) => executableFormat(new TextEncoder().encode(it));
  assertEquals(executableFormat(elf), { kind: "elf", machine: "2-1-62-0" });
  assertEquals(text("#! /bin/sh -e\nx"), {
    kind: "script",
    interpreter: "/bin/sh",
  });
  assertEquals(text("#!/usr/bin/env bash"), {
    kind: "script",
    interpreter: "/usr/bin/env",
  });
  for (const it of ["", "#", "#!", "#!\n/bin/sh", "\x7fEL"]) {
    assertEquals(text(it), { kind: "neither" }, JSON.stringify(it));
  }
});
