/** The scripts, in the shells that they are for. */

import { assertEquals } from "@std/assert";
import {
  SCRIPTS,
  type Shell,
  SHELLS,
} from "../../../lib/cli/completion_scripts.ts";
import { isInstalled, output } from "../../../testing/program/tool.ts";

/** In place of cprctl: no shell is to be tested for what words there are. */
const CPRCTL = `#!/bin/sh
[ "$1" = propose-words ] || exit 1
shift
printf '%s' "$#" >"$0.asked"
printf ' <%s>' "$@" >>"$0.asked"
case $1 in
inspect) ;;
*) printf '%s\\t%s\\n' update 'Move a VM: now' check 'Look at it' ;;
esac
`;

/** How each shell completes a line without a person; prints what it found. */
const COMPLETE: Readonly<Record<Shell, (line: string) => string>> = {
  bash: (line) => `
    . "$SCRIPT"
    COMP_WORDS=(${line.endsWith(" ") ? `${line}""` : line})
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _cprctl
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: (line) => `
    compdef() { :; }
    _describe() { printf '%s\\n' "\${(@P)2}"; }
    _files() { print files; }
    . "$SCRIPT"
    words=(${line.endsWith(" ") ? `${line}""` : line})
    CURRENT=$#words
    _cprctl`,
  fish: (line) => `
    source $SCRIPT
    complete --do-complete '${line}'`,
};

for (const shell of SHELLS) {
  Deno.test({
    name: `${shell} asks for words, and finds files where there are none`,
    ignore: !await isInstalled(shell),
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
      try {
        const script = `${folder}/script`;
        await Deno.writeTextFile(script, SCRIPTS[shell]);
        await Deno.writeTextFile(`${folder}/cprctl`, CPRCTL, { mode: 0o755 });
        const env = {
          SCRIPT: script,
          HOME: folder,
          PATH: `${folder}:${Deno.env.get("PATH")}`,
        };
        const complete = async (line: string) => {
          const run = [shell, "-c", COMPLETE[shell](line)] as const;
          const { stdout, stderr } = await output(run, { env });
          assertEquals(stderr, "");
          return stdout.split("\n").slice(0, -1);
        };
        const asked = () => Deno.readTextFile(`${folder}/cprctl.asked`);

        const brief = {
          bash: ["update", "check"],
          zsh: ["update:Move a VM: now", "check:Look at it"],
          fish: ["check\tLook at it", "update\tMove a VM: now"],
        }[shell];
        assertEquals(await complete("cprctl "), brief);
        assertEquals(await asked(), "1 <>");
        await complete("cprctl help ");
        assertEquals(await asked(), "2 <help> <>");

        const files = await complete(`cprctl inspect ${folder}/scr`);
        assertEquals(await asked(), `2 <inspect> <${folder}/scr>`);
        assertEquals(
          files,
          {
            bash: [""], // and "-o default" does the rest
            zsh: ["files"],
            fish: [`${folder}/script`],
          }[shell],
        );
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
