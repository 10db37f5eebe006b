import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  asError,
  codeOf,
  CprctlError,
  messageOf,
  remedyOf,
} from "../lib/errors.ts";

Deno.test("what an error says of itself", () => {
  const error = new CprctlError("torn", "It is torn", { remedy: "Fix it" });
  assertEquals(codeOf(error), "torn");
  assertEquals(messageOf(error), "It is torn");
  assertEquals(remedyOf(error), "Fix it");
  assertEquals(asError(error), error);
});

Deno.test("anything can be thrown", () => {
  assertEquals(codeOf(new TypeError("No such member")), "internal");
  assertEquals(messageOf("a text"), "a text");
  assertEquals(remedyOf(undefined), undefined);
  assertInstanceOf(asError("a text"), Error);
  assertEquals(asError("a text").message, "a text");
});
