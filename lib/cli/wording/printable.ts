export { printable } from "../../inert.ts";
