import { assertEquals } from "@std/assert";
import { cpioArchive, file, folder } from "../../testing/linux/cpio.ts";

const HEADER = (
  inode: number,
  mode: string,
  links: number,
  size: number,
  name: number,
) =>
  "070701" + [
    inode.toString(16).padStart(8, "0"),
    mode,
    "00000000".repeat(2),
    links.toString(16).padStart(8, "0"),
    "00000000",
    size.toString(16).padStart(8, "0"),
    "00000000".repeat(4),
    name.toString(16).padStart(8, "0"),
    "00000000",
  ].join("");

Deno.test("an archive has a record for each entry, and ends with its trailer", () => {
  const bytes = cpioArchive([
    folder("dev"),
    file("motd", new TextEncoder().encode("hello")),
  ]);
  assertEquals(
    new TextDecoder().decode(bytes),
    HEADER(1, "000041ed", 1, 0, 4) + "dev\0\0\0" +
      HEADER(2, "000081a4", 1, 5, 5) + "motd\0\0" + "hello\0\0\0" +
      HEADER(3, "00000000", 1, 0, 11) + "TRAILER!!!\0\0\0\0",
  );
});
