import { assertEquals, assertStringIncludes } from "@std/assert";
import { buildCommand, buildRouteMap } from "@stricli/core";
import type { CliContext } from "../../lib/cli/context.ts";
import { manPage } from "../../lib/cli/man_page.ts";
import { commandNames, routes } from "../../lib/cli/routes.ts";
import { dispatch } from "../../lib/cli/dispatch.ts";
import { isInstalled, output } from "../program/tool.ts";
import { capturedProcess } from "./captured.ts";

async function page(): Promise<string> {
  const process = capturedProcess();
  assertEquals(await dispatch(["man"], process), 0);
  return process.written.stdout;
}

Deno.test("the manual has every command and every option", async () => {
  const written = await page();
  for (const name of commandNames()) {
    assertStringIncludes(written, `.SS "cprctl ${name}`);
    const target = routes.getRoutingTargetForInput(name);
    const flags = target !== undefined && "parameters" in target
      ? target.parameters.flags ?? {}
      : {};
    for (const flag of Object.keys(flags)) {
      const option = `--${flag}`.replaceAll("-", "\\-");
      assertStringIncludes(written, `.B ${option}`);
    }
  }
  assertStringIncludes(written, ".SH EXIT CODES");
  assertStringIncludes(written, "memory\\-backend\\-memfd");
});

Deno.test("what roff would take for its own is only text", async (t) => {
  const shout = buildCommand<Record<never, never>, string[], CliContext>({
    docs: {
      brief: "Say \\n aloud",
      fullDescription: ".SH no heading\n'quoted",
    },
    parameters: {
      positional: {
        kind: "array",
        parameter: { parse: String, brief: "Words", placeholder: "word" },
      },
    },
    func: () => {},
  });
  const routes = buildRouteMap<string, CliContext>({
    routes: { shout },
    docs: { brief: "Shout", fullDescription: "Shouts.\n\nCODES\n  0  heard" },
  });
  await t.assertSnapshot(manPage({ routes, version: "1.2", rawHelp: {} }));
});

Deno.test({
  name: "roff understands all of the manual",
  ignore: !await isInstalled("groff"),
  async fn() {
    const { stdout, stderr } = await output(
      ["groff", "-ww", "-man", "-Tutf8"],
      { stdin: await page() },
    );
    assertEquals(stderr, "");
    assertStringIncludes(stdout, "Examples:");
  },
});
