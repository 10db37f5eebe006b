/**
 * Does with the lines that `cprctl prepare` prints what a manager does with
 * them.
 *
 * @module
 */

import type { PreparedVm } from "../../lib/update/managers/prepare.ts";

/** What comes of lines. */
export interface Applied {
  /** Options of QEMU that are added to its command line. */
  readonly words: string[];
  /** Sections that are added to a file of options. */
  readonly config: string;
}

/** How each manager reads the lines, as a shell that writes words with NULs. */
const SCRIPTS: Readonly<Record<string, string>> = {
  "Proxmox":
    `case $1 in args:*) eval "set -- ${"$"}{1#args: }"; say "$@";; esac`,
  "quickemu": `eval "$1"; eval "set -- $extra_args"; say "$@"`,
  "Ganeti": `gnt_instance() {
  IFS=; given=$(echo "$3" | sed 's/^kvm_extra=//; s/\\\\,/,/g')
  eval "set -- $given"; say "$@"
}
eval "gnt_instance ${"$"}{1#gnt-instance }"`,
  "no manager": `eval "set -- $1"; say "$@"`,
};

const INCUS = `incus() {
  case $4 in
  raw.qemu=*) eval "set -- ${"$"}{4#raw.qemu=}"; say "$@";;
  raw.qemu.conf=*) printf 'config:%s\\n\\0' "${"$"}{4#raw.qemu.conf=}";;
  esac
}
eval "$1"`;

const SAY = `say() { printf '%s\\0' "$@"; }\n`;

/** Applies the lines for a VM. */
export function apply({ manager, add }: PreparedVm): Applied {
  const lines = add.flatMap(({ lines }) => lines);
  if (manager === "microvm.nix") {
    const [, list = ""] = /extraArgs = \[ (.*) \];/.exec(lines.join()) ?? [];
    const words = list.match(/"[^"]*"/g) ?? [];
    return { words: words.map((it) => JSON.parse(it)), config: "" };
  }
  const script = manager === "Incus" ? INCUS : SCRIPTS[manager] ?? "";
  const said = lines.flatMap((line) => run(SAY + script, line));
  const isConfig = (it: string) => it.startsWith("config:");
  return {
    words: said.filter((it) => !isConfig(it)),
    config: said.filter(isConfig).map((it) => it.slice(7)).join(""),
  };
}

function run(script: string, line: string): string[] {
  const { success, stdout, stderr } = new Deno.Command("/bin/sh", {
    args: ["-c", script, "sh", line],
    stdin: "null",
  }).outputSync();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr));
  return text.decode(stdout).split("\0").slice(0, -1);
}
