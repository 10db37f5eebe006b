import { assertEquals } from "@std/assert";
import { fileUnder } from "../../../lib/update/vm/block_devices.ts";

Deno.test("the file under formats and filters", () => {
  for (
    const [name, file] of [
      ["/a.img", "/a.img"],
      ["file:/a.img", "/a.img"],
      ["../a.img", "../a.img"],
      [`json:{"driver":"file","filename":"/a"}`, "/a"],
      [`json:{"offset":1,"file":{"driver":"file","filename":"/a"}}`, "/a"],
      [`json:{"file":{"file":{"filename":"file:/a"}}}`, "/a"],
      ["json:{", undefined],
      ["json:[]", undefined],
      [`json:{"driver":"null-co"}`, undefined],
    ] as const
  ) assertEquals(fileUnder(name), file, name);
  const deep = '{"file":'.repeat(500) + "1" + "}".repeat(500);
  assertEquals(fileUnder(`json:${deep}`), undefined);
});
