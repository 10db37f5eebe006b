/** The subjects of `info`. @module */

import { isObject, type Json, type JsonObject } from "../../qmp/mod.ts";
import type { MonitorTarget } from "./target.ts";

/** One subject of `info`. */
interface Subject {
  readonly help: string;
  show(target: MonitorTarget): Promise<string>;
}

/** A subject that prints the reply to a QMP command. */
function from(
  help: string,
  command: string,
  format: (reply: JsonObject) => string,
): Subject {
  return {
    help,
    async show(target) {
      const reply = await target.execute(command);
      return format(isObject(reply) ? reply : { list: reply });
    },
  };
}

/** A subject that this machine does not have, unlike QEMU. */
function none(help: string): Subject {
  return { help, show: () => Promise.resolve("") };
}

/** One line "name: value" per member. */
function lines(reply: JsonObject): string {
  return Object.entries(reply)
    .map(([name, value]) => `${name}: ${plainText(value)}\n`).join("");
}

function plainText(value: Json): string {
  if (Array.isArray(value)) return value.map(plainText).join(" ");
  return isObject(value) ? JSON.stringify(value) : String(value);
}

/** One line per element of a list. */
function rows(format: (row: JsonObject) => string) {
  return ({ list }: JsonObject): string =>
    Array.isArray(list)
      ? list.filter(isObject).map((row) => `${format(row)}\n`).join("")
      : "";
}

function onOff(state: Json | undefined): string {
  return state === true ? "on" : "off";
}

/** The subjects by name. */
export const INFO: ReadonlyMap<string, Subject> = new Map(Object.entries({
  status: from(
    "whether the guest runs",
    "query-status",
    ({ running, status }) =>
      running === true
        ? "VM status: running\n"
        : `VM status: paused${status === "paused" ? "" : ` (${status})`}\n`,
  ),
  version: from(
    "version of this program",
    "query-version",
    ({ package: text }) => `${text}\n`,
  ),
  name: from(
    "name of the machine",
    "query-name",
    ({ name = "" }) => `${name}\n`,
  ),
  uuid: from(
    "identity of the machine",
    "query-uuid",
    ({ UUID }) => `${UUID}\n`,
  ),
  migrate: from("the last migration", "query-migrate", lines),
  migrate_parameters: from(
    "migration parameters",
    "query-migrate-parameters",
    lines,
  ),
  migrate_capabilities: from(
    "migration capabilities",
    "query-migrate-capabilities",
    rows(({ capability, state }) => `${capability}: ${onOff(state)}`),
  ),
  ramblock: from(
    "guest RAM: where its bytes are",
    "x-query-ramblock",
    rows(({ name, size, address, inode, share }) =>
      `${name}: ${size} bytes at ${address}, inode ${inode}, ` +
      (share === true ? "shared" : "private")
    ),
  ),
  network: none("network back ends: none"),
  usernet: none("user-mode networks: none"),
  guest: from(
    "what the guest program has done",
    "x-query-guest",
    lines,
  ),
}));

/** One line per subject. */
export function infoHelp(): string {
  return [...INFO]
    .map(([name, { help }]) => `info ${name} -- ${help}\n`).join("");
}
