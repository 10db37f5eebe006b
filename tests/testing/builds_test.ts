import { assert, assertEquals, assertThrows } from "@std/assert";
import { pickMirror } from "../../testing/qemu/builds/apt.ts";
import {
  compareVersions,
  knowsCprExec,
  parseVersion,
  upstreamVersion,
} from "../../testing/qemu/builds/version.ts";

Deno.test("the release is read out of a package version", () => {
  assertEquals(upstreamVersion("1:11.1.3+ds-1~bpo13+1"), "11.1.3");
  assertEquals(upstreamVersion("10.2-1"), "10.2");
  assertThrows(() => upstreamVersion("1:unknown"));
});

Deno.test("the release and package are read out of what QEMU prints", () => {
  assertEquals(
    parseVersion("QEMU emulator version 11.1.2 (Debian 1:11.1.2+ds-3)\n"),
    { version: "11.1.2", package: "Debian 1:11.1.2+ds-3" },
  );
  assertEquals(
    parseVersion("QEMU emulator version 10.2.0\n"),
    { version: "10.2.0", package: "" },
  );
  assertThrows(() => parseVersion("no such thing"));
});

Deno.test("releases are compared by number", () => {
  assert(compareVersions("9.2.4", "10.2.0") < 0);
  assert(compareVersions("11.1.3", "11.1.2") > 0);
  assertEquals(compareVersions("11.1", "11.1.0"), 0);
});

Deno.test("cpr-exec came with 10.2", () => {
  assert(!knowsCprExec("10.1.9"));
  assert(knowsCprExec("10.2.0"));
  assert(knowsCprExec("11.0.0"));
});

Deno.test("the mirror is the one of the machine's own release", () => {
  const targets = [
    "https://packages.example/apt/ tools main",
    "http://mirror.example/security/ bookworm-security main",
    "http://mirror.example/debian/ bookworm contrib",
    "http://mirror.example/debian/ bookworm main",
    "http://other.example/debian/ bookworm main",
    "",
  ].join("\n");
  assertEquals(
    pickMirror(targets, "bookworm"),
    "http://mirror.example/debian/",
  );
  assertThrows(() => pickMirror(targets, "trixie"));
});

Deno.test("a mirror of a moving release will do", () => {
  const targets = "http://mirror.example/debian/ stable main\n";
  assertEquals(
    pickMirror(targets, "bookworm"),
    "http://mirror.example/debian/",
  );
});
