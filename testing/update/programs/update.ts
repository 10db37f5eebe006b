/**
 * An update that stops at each phase until it is told to go on; for
 * cprctl.ts. It says on standard output, line by line as JSON, which
 * phase begins and how it ended.
 */

import { linesOf } from "../../program/lines.ts";
import { type Order, updateHere } from "../cprctl.ts";

const order = JSON.parse(Deno.args[0] ?? "") as Order;
const goOn = linesOf(Deno.stdin.readable).values();

const ending = await updateHere(order, async (phase) => {
  console.log(JSON.stringify({ phase }));
  await goOn.next();
});
console.log(JSON.stringify(ending));
Deno.exit();
