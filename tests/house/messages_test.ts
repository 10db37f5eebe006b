import { assertEquals } from "@std/assert";
import { errorCalls, faults } from "./messages.ts";
import { sourceFiles } from "./source_files.ts";

Deno.test("messages start with a capital and end without a period", async () => {
  let messages = 0;
  for await (const { path, text } of sourceFiles(["ffi", "lib"])) {
    for (const call of errorCalls(text)) {
      messages += call.texts.length;
      assertEquals(faults(call), [], path);
    }
  }
  assertEquals(messages > 50, true, "hardly any message was found");
});

Deno.test("a message of another form is noticed", () => {
  const source = `
    throw new UsageError("cannot run (now)", { remedy: "Wait." });
    throw new UsageError(\`Cannot run "\${name}"\`, { remedy: "Wait a bit." });
    throw new OptionValueError(key, value, "want a size");
    super(code, "Cannot run: no time");
  `;
  assertEquals([...errorCalls(source)].map(faults), [
    ["starts small: cannot run (now)"],
    ["ends with a period: Wait a bit."],
    [],
    [],
  ]);
});
