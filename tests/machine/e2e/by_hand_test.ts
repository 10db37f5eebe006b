/** The session of docs/by-hand.md, typed on a terminal. */

import { assert, assertEquals } from "@std/assert";
import { cprctlWords } from "../../../testing/program/program.ts";
import { isInstalled } from "../../../testing/program/tool.ts";
import { Output } from "../../../testing/machine/output.ts";
import { quoted } from "../../ffi/processes.ts";

const DOCUMENT = new URL("../../../docs/by-hand.md", import.meta.url);
/** Of root, or of anyone else. */
const SHELL = /[#$] /;
const INPUT = /^(?:\$|\(cprctl\)) (?!cprctl \S+ monitor)/;

Deno.test({
  name: "the session by hand works word for word, and so do the arrow keys",
  ignore: !await isInstalled("script"),
  async fn() {
    const [, session = ""] = /^```console\n([^]*?)^```$/m
      .exec(await Deno.readTextFile(DOCUMENT)) ?? [];
    const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
    const program = `#!/bin/sh\nexec ${quoted(cprctlWords())} "$@"\n`;
    await Deno.writeTextFile(`${folder}/cprctl`, program, { mode: 0o755 });
    await using child = new Deno.Command("script", {
      args: ["--quiet", "--return", "--command", "sh", "/dev/null"],
      env: { PATH: `${folder}:${Deno.env.get("PATH")}`, ENV: "" },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    try {
      const keyboard = child.stdin.getWriter();
      const screen = new Output(child.stdout);
      let seen = 0;
      const shows = async (what: string | RegExp) => {
        const pattern = typeof what === "string"
          ? new RegExp(RegExp.escape(what))
          : what;
        seen += (await screen.until(pattern, seen)).length;
      };
      const type = (text: string) =>
        keyboard.write(new TextEncoder().encode(text));
      await shows(SHELL);

      const lines = session.replaceAll("/tmp/", `${folder}/`)
        .replaceAll("\\\n", "").trimEnd().split("\n");
      assert(lines.length > 6, session);
      for (const [at, line] of lines.entries()) {
        if (INPUT.test(line)) await type(`${line.replace(INPUT, "")}\n`);
        else await shows(line);
        // A prompt comes next where the session goes on by typing.
        if (INPUT.test(lines[at + 1] ?? "(cprctl) ")) await shows("(cprctl) ");
      }

      await type("\x1b[A");
      await shows("(cprctl) info status");
      await type("\n");
      await shows("VM status: running");
      await shows("(cprctl) ");
      await type("info statos\x1b[D\x7fu\n");
      await shows("VM status: running");
      await type("info nonsense\n");
      await shows("unknown command: 'info nonsense'");
      await type("quit\n");
      await shows(SHELL);
      // The terminal is as the shell had it.
      await type(
        "stty -a | tr ' ' '\\n' | grep -x -e icanon -e echo -e icrnl\n",
      );
      for (const mode of ["icrnl", "icanon", "echo"]) await shows(mode);
      await type("exit\n");
      await keyboard.close();
      assertEquals((await child.status).code, 0);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
