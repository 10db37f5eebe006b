import { assertEquals } from "@std/assert";
import { CommandLine } from "../../../lib/update/command/command_line.ts";
import { domainNeeds } from "../../../lib/update/libvirt/needs.ts";

const AUXILIARY = ["-machine", "aux-ram-share=on"];
const MACHINE = ["-machine", "pc-q35-11.1,memory-backend=pc.ram"];
const SANDBOX = [
  "-sandbox",
  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
];

const VHOST = [
  "-netdev",
  '{"type":"tap","fd":"22","vhost":true,"vhostfd":"24","id":"hostnet0"}',
];

function backend(share: boolean): string[] {
  const type = share ? "memory-backend-memfd" : "memory-backend-ram";
  return [
    "-object",
    JSON.stringify({ "qom-type": type, id: "pc.ram", size: 1, share }),
  ];
}

function needsOf(...words: string[]): string[] {
  return domainNeeds(CommandLine.parse("QEMU", ["qemu", ...words]))
    .map(({ text }) => /^<?([\w:]+)/.exec(text)?.[1] ?? "");
}

Deno.test("a domain needs shared RAM and no sandbox, and may have vhost", () => {
  assertEquals(needsOf(...MACHINE, ...backend(true), ...AUXILIARY), []);
  assertEquals(needsOf(...MACHINE, ...backend(true)), ["qemu:commandline"]);
  assertEquals(
    needsOf(...MACHINE, ...backend(false), ...AUXILIARY),
    ["memoryBacking"],
  );
  assertEquals(
    needsOf(...MACHINE, ...backend(true), ...AUXILIARY, ...SANDBOX),
    ["seccomp_sandbox"],
  );
  assertEquals(
    needsOf(...MACHINE, ...backend(true), ...AUXILIARY, ...VHOST),
    [],
  );
  assertEquals(
    needsOf(...MACHINE, ...backend(false), ...SANDBOX),
    ["memoryBacking", "qemu:commandline", "seccomp_sandbox"],
  );
});
